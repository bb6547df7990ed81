// A third peer, not paired with anybody, tries what a stranger can try.

import { CoveyError } from "../../../core/errors.ts";
import { type Attempt, type Target, tryWhileTicketIsOpen, tryWithoutTicket } from "../../../testing/stranger.ts";
import type { Actor } from "../actor.ts";
import type { Report } from "../report.ts";
import type { Step } from "../stage.ts";

export const strangerGetsNothing: Step = {
  title: "A stranger gets nothing",
  async run({ laptop, desktop, stranger, usedTicket, signal }, report) {
    report.does("A third peer, with a key of its own but not paired, tries its luck with desktop, which expects nobody.");
    tell(report, await tryWithoutTicket(stranger.home, await targetOf(desktop, signal)));

    report.does("It has even overheard laptop's ticket, the one that desktop used.");
    await stranger.start();
    try {
      await stranger.covey.join(usedTicket, { signal });
      report.checks("the used ticket opens nothing", false);
    } catch (error) {
      const refused = error instanceof CoveyError && (error.code === "ticket-invalid" || error.code === "not-paired");
      report.checks(`the used ticket opens nothing: ${(error as Error).message}`, refused);
    }
    await stranger.stop();

    report.does("laptop makes another ticket, and while it waits for its peer, the stranger comes without one.");
    await using _ = await laptop.covey.invite({ signal });
    tell(report, await tryWhileTicketIsOpen(stranger.home, await targetOf(laptop, signal)));

    const paired = [...(await laptop.covey.peers()), ...(await desktop.covey.peers())].map(({ name }) => name);
    report.checks("laptop and desktop are paired with each other and nobody else", paired.join() === "desktop,laptop");
  },
};

async function targetOf(actor: Actor, signal: AbortSignal): Promise<Target> {
  const { peerId, addresses } = await actor.covey.status({ signal });
  return { peerId, addresses, signal };
}

function tell(report: Report, attempts: readonly Attempt[]): void {
  for (const { what, got, nothing } of attempts) report.checks(`it tried ${what}: ${got}`, nothing);
}
