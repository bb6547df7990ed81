// `peer`: the paired peers, and what can be done with one.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Access } from "../../control/covey.ts";
import type { PeerLink } from "../../peer/contract.ts";
import { countAccess, renderAccess, renderPolicy } from "../access.ts";
import type { Define } from "../command.ts";
import { formatDuration, formatTime } from "../format.ts";
import { parsePath, parsePeerArgument, parseSize } from "../grammar.ts";
import { examples } from "../help.ts";
import type { Output } from "../output.ts";
import { ask } from "../prompt.ts";
import { renderPeers } from "../status.ts";

export const define: Define = (command, act) => {
  examples(
    command,
    ["peer ls", "who is paired, and who is connected"],
    ["peer show laptop", "all that is known of it, and all that it may reach here"],
    ["peer allow laptop --into ~/Incoming", "take what it sends without asking"],
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
    .summary("all that is known of one, and all that it may reach here")
    .argument("<name>", "the peer")
    .action(
      act(async ({ out, signal, covey }, name: string) => {
        const peerName = parsePeerArgument(name);
        const me = await covey();
        const peer = me.peer(peerName);
        const [link, access, all] = await Promise.all([peer.show({ signal }), peer.access({ signal }), me.servings({ signal })]);
        const servings = all.filter(({ settings }) => settings.list?.peer === link.peerId);
        out.say({ ...link, access, servings }, [renderPeer(link, out), ...renderAccess(access, servings)].join("\n"));
      }),
    );

  command
    .command("allow")
    .summary("what happens to what one sends: asked about, taken or declined")
    .argument("<name>", "the peer")
    .option("--ask", "somebody is asked")
    .option("--into <dir>", "it is taken without asking, into this directory")
    .option("--up-to <size>", "with --into: when it has so many bytes at most, 500M or 2GiB", parseSize)
    .option("--refuse", "it is declined at once")
    .action(
      act(async ({ out, signal, covey }, name: string, options: AllowOptions) => {
        const [policy, peerName] = [policyOf(options), parsePeerArgument(name)];
        const peer = (await covey()).peer(peerName);
        const access = await (policy === undefined ? peer.access({ signal }) : peer.allow(policy, { signal }));
        out.say(access, `What ${printable(peer.name)} sends: ${renderPolicy(access.policy)}.`);
      }),
    );

  command
    .command("rename")
    .summary("give one another name here")
    .argument("<name>", "the peer")
    .argument("<new-name>", "its new name")
    .action(
      act(async ({ out, signal, covey }, name: string, newName: string) => {
        const peerName = parsePeerArgument(name);
        const peer = await (await covey()).peer(peerName).rename(newName, { signal });
        out.result(peer, `It is ${printable(peer.name)} now.`);
      }),
    );

  command
    .command("rm")
    .summary("remove one: it is cut off and kept out; what was exchanged stays")
    .argument("<name>", "the peer")
    .action(
      act(async ({ out, signal, canAsk, options, covey }, name: string) => {
        const peerName = parsePeerArgument(name);
        const peer = (await covey()).peer(peerName);
        const [link, access] = await Promise.all([peer.show({ signal }), peer.access({ signal })]);
        const [shown, ends] = [printable(link.name), countAccess(access)];
        if (options.yes !== true) {
          if (!canAsk) throw new CoveyError("bad-argument", `removing ${shown} needs a yes`, { hint: "Add --yes." });
          if (ends !== "") out.note(`It ends ${ends}: \`covey peer show ${shown}\` lists them.`);
          const answer = await ask(`Remove ${shown}? It has to be paired again to come back. [y/N] `, signal);
          if (answer !== "y") throw new CoveyError("declined", "nothing was removed");
        }
        await peer.remove({ signal });
        out.say(null, `${shown} is removed.${ends === "" ? "" : ` ${ends} to it ended.`}`);
      }),
    );
};

interface AllowOptions {
  readonly ask?: boolean;
  readonly into?: string;
  readonly upTo?: number;
  readonly refuse?: boolean;
}

/** undefined: nothing is to be changed. */
function policyOf({ ask: asks, into, upTo, refuse }: AllowOptions): Access["policy"] | undefined {
  if ([asks, into, refuse].filter((given) => given !== undefined).length > 1)
    throw new CoveyError("bad-argument", "--ask, --into and --refuse each say all", { hint: "Give one of them." });
  if (upTo !== undefined && into === undefined)
    throw new CoveyError("bad-argument", "--up-to belongs to --into", { hint: "Add --into DIR: where it goes." });
  if (into !== undefined) return { offers: "take", into: parsePath(into), upToBytes: upTo };
  if (asks === true) return { offers: "ask" };
  return refuse === true ? { offers: "refuse" } : undefined;
}

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
    out.style("bold", printable(name)) + (mine ? " (mine)" : ""),
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
