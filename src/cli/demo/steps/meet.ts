// Two peers are paired by a ticket.

import { renderQr } from "../../qr.ts";
import type { Step } from "../stage.ts";
import { until } from "../wait.ts";

export const meet: Step = {
  title: "Two peers meet",
  async run(stage, report) {
    const { laptop, desktop, signal } = stage;
    report.does("Two daemons run now, each with a home and a key of its own. laptop makes a ticket; it can be used once:");
    const invitation = await laptop.covey.invite({ as: "desktop", signal });
    report.shows(`${renderQr(invitation.ticket.toUpperCase())}\n$ covey pair ${invitation.ticket} --as laptop`);
    const atDesktop = await desktop.covey.join(invitation.ticket, { as: "laptop", signal });
    const atLaptop = await invitation.done;
    stage.usedTicket = invitation.ticket;

    const keys = { laptop: (await laptop.covey.status()).peerId, desktop: (await desktop.covey.status()).peerId };
    report.checks(
      `laptop knows ${keys.desktop.slice(0, 8)}… as desktop`,
      atLaptop.peerId === keys.desktop && atLaptop.name === "desktop",
    );
    report.checks(
      `desktop knows ${keys.laptop.slice(0, 8)}… as laptop`,
      atDesktop.peerId === keys.laptop && atDesktop.name === "laptop",
    );
    const link = await until(
      "a session between the two",
      async () => (await laptop.covey.peer("desktop").show()).session,
      signal,
    );
    report.checks(`a session is up at ${link.address}: TLS 1.3, both keys proven`, true);
  },
};
