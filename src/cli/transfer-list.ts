// Transfers in a table, and one with all that is known of it.

import { formatSize } from "../core/size.ts";
import { printable } from "../core/text.ts";
import type { NamedTransfer } from "../control/covey.ts";
import { formatRate, formatTime, percent } from "./format.ts";
import { renderNotes } from "./notes.ts";
import { listRoots, offerName, offerSize } from "./offer.ts";
import type { Output } from "./output.ts";
import { renderTable } from "./table.ts";

// Columns of a terminal on which files are counted too.
const ROOM_FOR_FILES = 60;

export function renderTransfers(transfers: readonly NamedTransfer[], out: Output): Promise<string> {
  const counted = out.columns >= ROOM_FOR_FILES;
  return renderTable(
    [
      { title: "N", align: "right" },
      { title: "WHAT" },
      ...(counted ? [{ title: "FILES", align: "right" as const }] : []),
      { title: "SIZE", align: "right" },
      { title: "PEER" },
      { title: "STATE" },
    ],
    transfers.map((transfer) => [
      String(transfer.offer.number),
      offerName(transfer.offer),
      ...(counted ? [String(transfer.offer.files)] : []),
      formatSize(transfer.offer.size),
      withWhom(transfer),
      stateOf(transfer),
    ]),
    out.columns,
    (titles) => out.style("dim", titles),
  );
}

export function renderTransfer(transfer: NamedTransfer, out: Output): string {
  const { offer, path, blake3, resumedBytes, notes, problem } = transfer;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["state", stateOf(transfer)],
    ["size", offerSize(offer)],
    [offer.sharePath === undefined ? "offered" : "asked for", formatTime(offer.offeredAtMs)],
    ["share", offer.sharePath === undefined ? undefined : printable(offer.sharePath)],
    ["path", path === undefined ? undefined : printable(path)],
    ["resumed", resumedBytes === 0 ? undefined : `${formatSize(resumedBytes)} did not have to be sent again`],
    ["BLAKE3", blake3],
    [
      "problem",
      problem === undefined ? undefined : printable([problem.message, problem.hint ?? ""].join("; ").replace(/; $/, "")),
    ],
  ];
  return [
    out.style("bold", `#${offer.number}`) + ` ${withWhom(transfer)}: ${offerName(offer)}`,
    ...facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`  ${name.padEnd(9)}  ${fact}`])),
    ...listRoots(offer, Infinity).map((root) => `  ${root}`),
    ...(notes.count === 0 ? [] : [renderNotes(transfer, Infinity)]),
  ].join("\n");
}

const withWhom = ({ offer, peerName }: NamedTransfer): string =>
  `${offer.direction === "in" ? "from" : "to"} ${printable(peerName)}`;

function stateOf({ offer, doneBytes, bytesPerSecond, connected, paused }: NamedTransfer): string {
  if (offer.state !== "accepted") return offer.state;
  const done = percent(doneBytes, offer.size);
  if (paused !== undefined) return `${done}, paused${paused === "there" ? " there" : ""}`;
  if (!connected) return `${done}, away`;
  return bytesPerSecond > 0 ? `${done}, ${formatRate(bytesPerSecond)}` : done;
}
