// Transfers as people see them: where they are, what they wait for, how they ended.

import { CoveyError, errorFromJson } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import type { NamedTransfer } from "../control/covey.ts";
import { formatDuration } from "./format.ts";
import { isMissing, renderNotes } from "./notes.ts";
import { offerName, offerSize, rootName } from "./offer.ts";
import type { Output } from "./output.ts";
import type { Line } from "./progress-line.ts";
import { createProgress, type Progress, type ProgressView } from "./progress.ts";

/** Not everything is there as it was to be; docs/cli.md. */
const EXIT_PARTLY = 6;

/** The lines of transfers on stderr, as the options want them. */
export const createView = (out: Output): Promise<ProgressView> => createProgress(process.stderr, out.progress);

export function progressOf(transfer: NamedTransfer): Progress {
  const { offer, doneBytes, bytesPerSecond } = transfer;
  const waits = waitsFor(transfer);
  const parts = waits === undefined ? partsOf(transfer) : [];
  const amounts = { doneBytes, totalBytes: offer.size, bytesPerSecond };
  return { name: offerName(offer), ...amounts, waits, parts, partCount: offer.rootCount };
}

function waitsFor({ offer, peerName, connected, paused, problem }: NamedTransfer): string | undefined {
  const peer = printable(peerName);
  if (problem !== undefined) return printable(problem.message);
  if (paused !== undefined) return paused === "here" ? "paused" : `paused by ${peer}`;
  if (offer.state === "waiting") return `waits for ${offer.direction === "out" ? peer : "you"} to agree`;
  return offer.state === "accepted" && !connected ? `waits for ${peer} to be there` : undefined;
}

/** What is done, spread over the roots in the order in which they move. */
function partsOf({ offer, doneBytes }: NamedTransfer): readonly Line[] {
  if (offer.rootCount === 1) return [];
  let left = doneBytes;
  return offer.roots.map((root) => {
    const done = Math.min(left, root.bytes);
    left -= done;
    return { name: rootName(root), doneBytes: done, totalBytes: root.bytes };
  });
}

/** What went wrong with a transfer that has ended; undefined when it arrived. */
export function failureOf({ offer, peerName, problem }: NamedTransfer): CoveyError | undefined {
  const name = JSON.stringify(offer.name);
  if (offer.state === "done") return undefined;
  if (problem !== undefined) return errorFromJson(problem);
  if (offer.state === "declined") {
    const who = offer.direction === "out" ? peerName : "you";
    return new CoveyError("declined", `${who} declined ${name}`);
  }
  if (offer.state === "withdrawn") return new CoveyError("declined", `${name} was cancelled`);
  return new CoveyError("internal", `${name} failed`);
}

/** Says what arrived, and what did not; the exit status. Under --json the last state has been told already. */
export function tellArrived({ offer, notes }: NamedTransfer, sentence: string, out: Output): number {
  if (!out.json) out.say(null, sentence);
  if (notes.count > 0 && !isKept({ offer, notes })) out.note(renderNotes({ notes, offer }));
  return isMissing(notes) ? EXIT_PARTLY : 0;
}

/** "Got here/photos from laptop: 3 files, 1.2 MiB in 4.2 s, verified"; of a file that was there already, that it was. */
export function whatArrived(transfer: NamedTransfer, verb: "Got" | "Received", from: string, tookMs?: number): string {
  const path = printable(transfer.path ?? transfer.offer.name);
  if (isKept(transfer)) return `${path} was there already, and stays as it was.`;
  return `${verb} ${path}${from}${offerSize(transfer.offer)}${inTime(tookMs)}, verified`;
}

export const inTime = (tookMs: number | undefined): string => (tookMs === undefined ? "" : ` in ${formatDuration(tookMs)}`);

/** `--conflict skip` of a single file. */
const isKept = ({ offer, notes }: Pick<NamedTransfer, "offer" | "notes">): boolean =>
  offer.kind === "file" && notes.first.some(({ code }) => code === "exists");
