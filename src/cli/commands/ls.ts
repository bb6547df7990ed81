// `ls`: what is shared here, what a peer shares, or what is in that now.

import { printable } from "../../core/text.ts";
import type { PeerHandle } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { parsePeerArgument, parsePlace, parseRemotePath } from "../grammar.ts";
import { examples } from "../help.ts";
import { jsonLine } from "../json.ts";
import { nameOf, renderListed } from "../listing.ts";
import { listShares, untilText } from "../shares.ts";
import { Lines } from "../stdout.ts";
import { renderTable } from "../table.ts";
import { measurable } from "../width.ts";

interface LsOptions {
  readonly recursive?: boolean;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["ls", "what is shared here"],
    ["ls laptop:", "what laptop shares with this device"],
    ["ls laptop:dist/docs", "what is in there now"],
    ["ls laptop:dist -R", "and in all directories below"],
  );
  command
    .argument("[name:path]", "a peer, or something in what it shares")
    .option("-R, --recursive", "directories too, and what is in them")
    .action(
      act(async (context, place: string | undefined, { recursive = false }: LsOptions) => {
        if (place === undefined) return listShares(context, await context.covey());
        const { name, what } = parsePlace(place);
        if (name === undefined || what === "") {
          const peerName = parsePeerArgument(place);
          return listPeer(context, (await context.covey()).peer(peerName));
        }
        const { path } = parseRemotePath(place);
        return listPath(context, (await context.covey()).peer(name), path, recursive);
      }),
    );
};

async function listPeer({ out, signal }: Context, peer: PeerHandle): Promise<void> {
  const shares = await peer.shares({ signal });
  if (shares.length === 0) {
    const { name, session } = await peer.show({ signal });
    const known = session === undefined ? " that is known here; it is away" : "";
    out.note(`${printable(name)} shares nothing with this device${known}. Over there, run: covey share DIR NAME:`);
  }
  const table = renderTable(
    [{ title: "SHARE" }, { title: "UNTIL" }],
    shares.map(({ name, kind, untilMs }) => [printable(name) + (kind === "directory" ? "/" : ""), untilText(untilMs)]),
    out.columns,
    (titles) => out.style("dim", titles),
  );
  out.result(shares, await table);
}

/** Names are told from the directory that was asked for, which is left out. Under --json everything, with whole paths. */
async function listPath({ out, signal }: Context, peer: PeerHandle, path: string, deep: boolean): Promise<void> {
  const lines = new Lines(signal);
  let entries = 0;
  for await (const listed of peer.list(path, { deep, signal })) {
    const itself = listed.path === path;
    if (out.json) await lines.add(jsonLine(listed));
    if (itself && listed.kind === "directory") continue;
    entries++;
    if (out.json) continue;
    const name = nameOf(listed, listed.path.slice(itself ? path.lastIndexOf("/") + 1 : path.length + 1));
    await measurable([name]);
    await lines.add(`${renderListed(listed, name, out.columns)}\n`);
  }
  await lines.end();
  if (entries === 0) out.note("It is empty.");
}
