// One transfer, or one part of it, in one line.

import { formatSize } from "../core/size.ts";
import { formatClock, formatRate, percent } from "./format.ts";
import { fit, padEnd, padStart, widthOf } from "./width.ts";

export interface Line {
  /** Printable, one line. */
  readonly name: string;
  readonly doneBytes: number;
  /** undefined: nobody knows. */
  readonly totalBytes: number | undefined;
  /** Shown instead of rate and time while nothing moves. */
  readonly waits?: string | undefined;
}

// Columns.
const PLACES = { percent: 5, amount: 20, rate: 10, left: 7, shortName: 8, longName: 24, shortBar: 8, longBar: 30, wide: 70 };

/**
 * "holiday.mkv   ██████░░░░   58 %   148 MiB of 256 MiB   61.2 MiB/s   0:02", and with less room less of it. The parts have their
 * places, so that nothing jumps, and several lines stand in columns. `rate` 0: nothing moves, or it is said elsewhere.
 */
export function renderLine(
  { name, doneBytes, totalBytes, waits }: Line,
  { rate, leftMs }: { readonly rate: number; readonly leftMs: number | undefined },
  columns: number,
): string {
  const moves = [
    padStart(rate > 0 ? formatRate(rate) : "", PLACES.rate),
    padStart(leftMs === undefined ? "" : formatClock(leftMs), PLACES.left),
  ];
  const tail = [...amounts(doneBytes, totalBytes, columns), ...(waits === undefined ? moves : [waits])].join("  ");
  const room = columns - widthOf(tail) - 2;
  const nameColumns = Math.max(PLACES.shortName, Math.min(PLACES.longName, Math.floor(room * 0.45)));
  const barColumns = Math.min(PLACES.longBar, room - nameColumns - 2);
  const shown = barColumns >= PLACES.shortBar && waits === undefined && totalBytes !== undefined;
  const nameRoom = shown ? nameColumns : Math.max(PLACES.shortName, Math.min(PLACES.longName, room));
  const head = padEnd(fit(name, nameRoom), nameRoom);
  return fit(
    [head, ...(shown ? [renderBar(totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes), barColumns)] : []), tail]
      .join("  ")
      .trimEnd(),
    columns,
  );
}

function amounts(doneBytes: number, totalBytes: number | undefined, columns: number): readonly string[] {
  if (totalBytes === undefined) return [padStart(formatSize(doneBytes), PLACES.rate)];
  return [
    padStart(percent(doneBytes, totalBytes), PLACES.percent),
    ...(columns >= PLACES.wide ? [padStart(`${formatSize(doneBytes)} of ${formatSize(totalBytes)}`, PLACES.amount)] : []),
  ];
}

function renderBar(share: number, columns: number): string {
  const full = Math.floor(share * columns);
  return "█".repeat(full) + "░".repeat(columns - full);
}
