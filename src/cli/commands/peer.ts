// `peer`: the paired peers, and what can be done with one.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { PeerLink } from "../../peer/contract.ts";
import type { Define } from "../command.ts";
import { formatDuration, formatTime } from "../format.ts";
import { parsePeerArgument } from "../grammar.ts";
import { examples } from "../help.ts";
import type { Output } from "../output.ts";
import { ask } from "../prompt.ts";
import { renderPeers } from "../status.ts";

export const define: Define = (command, act) => {
  examples(
    command,
    ["peer ls", "who is paired, and who is connected"],
    ["peer rename laptop work-laptop", "another name for it here"],
    ["peer rm laptop", "cut it off, and keep it out"],
  );

  command
    .command("ls")
    .summary("list the paired peers")
    .action(
      act(async ({ out, signal, covey }) => {
        const peers = await (await covey()).peers({ signal });
        if (peers.length === 0) out.note("No peer is paired yet: `covey pair` makes a ticket for one.");
        out.result(peers, await renderPeers(peers, out));
      }),
    );

  command
    .command("show")
    .summary("all that is known of one")
    .argument("<name>", "the peer")
    .action(
      act(async ({ out, signal, covey }, name: string) => {
        const peer = await (await covey()).peer(parsePeerArgument(name)).show({ signal });
        out.result(peer, renderPeer(peer, out));
      }),
    );

  command
    .command("rename")
    .summary("give one another name here")
    .argument("<name>", "the peer")
    .argument("<new-name>", "its new name")
    .action(
      act(async ({ out, signal, covey }, name: string, newName: string) => {
        const peer = await (await covey()).peer(parsePeerArgument(name)).rename(newName, { signal });
        out.result(peer, `It is ${printable(peer.name)} now.`);
      }),
    );

  command
    .command("rm")
    .summary("remove one: it is cut off and kept out; what was exchanged stays")
    .argument("<name>", "the peer")
    .action(
      act(async ({ out, signal, canAsk, options, covey }, name: string) => {
        const peer = (await covey()).peer(parsePeerArgument(name));
        const shown = printable((await peer.show({ signal })).name);
        if (options.yes !== true) {
          if (!canAsk) throw new CoveyError("bad-argument", `removing ${shown} needs a yes`, { hint: "Add --yes." });
          const answer = await ask(`Remove ${shown}? It has to be paired again to come back. [y/N] `, signal);
          if (answer !== "y") throw new CoveyError("declined", "nothing was removed");
        }
        await peer.remove({ signal });
        out.result(null, `${shown} is removed.`);
      }),
    );
};

function renderPeer(
  { name, mine, peerId, pairedAtMs, session, problem, addresses, waitingOut, deferredIn }: PeerLink,
  out: Output,
): string {
  const connected =
    session === undefined
      ? `no${problem === undefined ? "" : `: ${printable(problem)}`}`
      : `${printable(session.address)}, for ${formatDuration(Date.now() - session.sinceMs)}, ${session.dialled ? "dialled from here" : "dialled from there"}`;
  const skew = session?.clockSkewMs;
  return [
    out.style("bold", printable(name)) + (mine ? " (mine: its files are taken without asking)" : ""),
    `  id         ${peerId}`,
    `  paired     ${formatTime(pairedAtMs)}`,
    `  connected  ${connected}`,
    `  addresses  ${addresses.map(printable).join(", ") || "none known"}`,
    ...(skew === undefined || Math.abs(skew) < 1000
      ? []
      : [`  clock      ${formatDuration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} this one`]),
    ...(waitingOut === 0 ? [] : [`  waiting    ${waitingOut} to be sent`]),
    ...(deferredIn === 0 ? [] : [`  deferred   ${deferredIn} from it wait here (is a clock wrong?)`]),
  ].join("\n");
}
