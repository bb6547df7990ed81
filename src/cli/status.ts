// This device at a glance.

import { printable } from "../core/text.ts";
import type { Covey } from "../control/covey.ts";
import type { PeerLink, Status } from "../peer/contract.ts";
import type { Context } from "./context.ts";
import { formatCount, formatDuration } from "./format.ts";
import type { Output } from "./output.ts";
import { peerNames, renderServed } from "./serving.ts";
import { renderTable } from "./table.ts";

/** Of what is served only `serve ls --json` tells more than how much it is. */
export async function tellStatus({ out, signal }: Context, me: Covey): Promise<void> {
  const status = await me.status({ signal });
  const servings = status.servings === 0 || out.json ? [] : await me.servings({ signal });
  const names = await peerNames(me, servings, signal);
  const served = servings.map((serving) => renderServed(serving, names));
  out.say(status, await renderStatus(status, served, out));
}

async function renderStatus(status: Status, served: readonly string[], out: Output): Promise<string> {
  const { name, uptimeMs, version, peerId, addresses, home, incoming, peers, warnings } = status;
  const waiting = [
    status.unread > 0 ? `${formatCount(status.unread, "unread message")}: \`covey inbox\`` : "",
    status.offersWaiting > 0 ? `${formatCount(status.offersWaiting, "offer")} for you: \`covey receive\`` : "",
    status.transfersRunning > 0 ? `${formatCount(status.transfersRunning, "transfer")} under way: \`covey transfers\`` : "",
    status.shares > 0 ? `${formatCount(status.shares, "share")} for others: \`covey ls\`` : "",
    ...served,
    ...warnings.map((warning) => out.style("yellow", printable(warning))),
  ].filter((line) => line !== "");
  return [
    `${out.style("bold", printable(name))} is up, for ${formatDuration(uptimeMs)} (covey ${version})`,
    `  id        ${peerId}`,
    ...(addresses.length === 0
      ? ["  listens   nowhere"]
      : addresses.map((address, i) => `${i === 0 ? "  listens " : "          "}  ${printable(address)}`)),
    `  home      ${printable(home)}`,
    `  incoming  ${printable(incoming)}`,
    "",
    peers.length === 0 ? "No peer is paired yet: `covey pair`" : await renderPeers(peers, out),
    ...(waiting.length === 0 ? [] : ["", ...waiting]),
  ].join("\n");
}

export function renderPeers(peers: readonly PeerLink[], out: Output): Promise<string> {
  const anyWaits = peers.some(({ waitingOut }) => waitingOut > 0);
  return renderTable(
    [
      { title: "PEER" },
      { title: "STATE" },
      { title: "ADDRESS" },
      ...(anyWaits ? [{ title: "WAITING", align: "right" as const }] : []),
    ],
    peers.map(({ name, mine, session, addresses, waitingOut }) => [
      printable(name) + (mine ? " (mine)" : ""),
      session === undefined ? "away" : "connected",
      printable(session?.address ?? addresses[0] ?? "-"),
      waitingOut === 0 ? "" : String(waitingOut),
    ]),
    out.columns,
    (titles) => out.style("dim", titles),
  );
}
