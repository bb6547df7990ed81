// A transfer as its user sees it.

import { join } from "node:path";

import { safeFileName } from "../../../blob/names.ts";
import type { Clock } from "../../../core/clock.ts";
import type { Transfer } from "../contract.ts";
import type { Links } from "../downloads/links.ts";
import { isOver, offerOf, type Item } from "./ledger.ts";
import type { OfferRecord } from "./records.ts";

export function transferOf({ links, clock }: { readonly links: Links; readonly clock: Clock }, item: Item): Transfer {
  const { record } = item;
  const { direction, state, name, size, as = safeFileName(name), into, path, blake3, problem } = record;
  // What was written to meanwhile may bring more than it was offered as.
  const doneBytes = state === "done" ? size : Math.min(item.doneBytes, size);
  return {
    offer: offerOf(item),
    doneBytes,
    resumedBytes: Math.min(item.resumedBytes, doneBytes),
    bytesPerSecond: isOver(state) ? 0 : item.rate.at(clock.monotonicMs()),
    connected: links.get(record.peer) !== undefined,
    paused: pausedAt(record),
    notes: record.notes ?? { count: 0, first: [] },
    path: direction === "out" ? undefined : (path ?? (into === undefined ? undefined : join(into, as))),
    blake3,
    problem:
      problem === undefined
        ? undefined
        : { code: problem.code, message: problem.message, ...(problem.hint === undefined ? {} : { hint: problem.hint }) },
  };
}

function pausedAt({ state, paused, pausedThere }: OfferRecord): Transfer["paused"] {
  if (state !== "waiting" && state !== "accepted") return undefined;
  if (paused) return "here";
  return pausedThere ? "there" : undefined;
}
