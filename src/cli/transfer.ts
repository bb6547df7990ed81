// Transfers as people see them: where they are, what they wait for, how they ended.

import { CoveyError, errorFromJson } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import type { NamedTransfer } from "../control/covey.ts";
import { formatSize } from "./format.ts";
import type { Output } from "./output.ts";
import { createProgress, type Progress, type ProgressView } from "./progress.ts";

/** The lines of transfers on stderr, as the options want them. */
export const createView = (out: Output): Promise<ProgressView> => createProgress(process.stderr, out.progress);

export function progressOf({ offer, peerName, doneBytes, bytesPerSecond, connected, problem }: NamedTransfer): Progress {
  const peer = printable(peerName);
  const waits =
    problem !== undefined
      ? printable(problem.message)
      : offer.state === "waiting"
        ? `waits for ${offer.direction === "out" ? peer : "you"} to agree`
        : offer.state === "accepted" && !connected
          ? `waits for ${peer} to be there`
          : undefined;
  return { name: printable(offer.name), doneBytes, totalBytes: offer.size, bytesPerSecond, waits };
}

/** Shows a transfer until it has ended; resolves to its last state. Rejects with the signal's reason. Under --json, a line per state. */
export async function followTransfer(
  states: AsyncIterable<NamedTransfer>,
  view: ProgressView,
  out: Output,
  onState: (transfer: NamedTransfer) => void = () => {},
): Promise<NamedTransfer> {
  let last: NamedTransfer | undefined;
  try {
    for await (const transfer of states) {
      last = transfer;
      onState(transfer);
      if (out.json) out.result(transfer, "");
      view.update(transfer.offer.id, progressOf(transfer));
    }
  } finally {
    if (last !== undefined) view.remove(last.offer.id);
  }
  if (last === undefined) throw new CoveyError("closed", "the transfer was not followed to its end");
  return last;
}

/** What went wrong with a transfer that has ended; undefined when it arrived. */
export function failureOf({ offer, peerName, problem }: NamedTransfer): CoveyError | undefined {
  const name = JSON.stringify(offer.name);
  if (offer.state === "done") return undefined;
  if (offer.state === "declined") {
    const who = offer.direction === "out" ? peerName : "you";
    return new CoveyError("declined", `${who} declined ${name}`);
  }
  if (offer.state === "withdrawn") return new CoveyError("declined", `${name} was cancelled`);
  return problem === undefined ? new CoveyError("internal", `${name} failed`) : errorFromJson(problem);
}

/** "holiday.mkv, 256 MiB" */
export const nameAndSize = ({ name, size }: { readonly name: string; readonly size: number }): string =>
  `${printable(name)}, ${formatSize(size)}`;
