// Progress on stderr: one line per transfer, repainted at most ten times a second on a terminal; elsewhere one plain line per 10 %.

import { LIMITS } from "../core/limits.ts";
import { formatClock, formatRate, formatSize } from "./format.ts";
import { fit, measurable, padEnd, padStart, widthOf } from "./width.ts";

export interface Progress {
  /** Printable, one line. */
  readonly name: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  /** Shown instead of rate and time while nothing moves. */
  readonly waits: string | undefined;
}

export interface ProgressView {
  update(key: string, progress: Progress): void;
  /** The line goes; what took its place is printed by others. */
  remove(key: string): void;
  /** A line above those of the transfers. */
  print(text: string): void;
  /** Takes all lines away. */
  close(): void;
}

/** What the view needs of stderr. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const STEP_PERCENT = 10;
// Columns.
const PLACES = { percent: 5, amount: 20, rate: 10, left: 7, shortName: 8, longName: 24, shortBar: 8, longBar: 30, wide: 70 };
// A share of the way to the new rate per repaint: time left follows a change within a few seconds, and does not jump.
const SMOOTHING = 0.15;
const UP = (lines: number): string => `\u001b[${lines}A`;
const CLEAR_LINE = "\u001b[2K";
const CLEAR_BELOW = "\u001b[J";

export async function createProgress(screen: Screen, enabled: boolean): Promise<ProgressView> {
  if (!enabled) return { update() {}, remove() {}, print: (text) => void screen.write(`${text}\n`), close() {} };
  await measurable(["\u{1f411}"]);
  return screen.isTTY === true ? bars(screen) : steps(screen);
}

function bars(screen: Screen): ProgressView {
  const all = new Map<string, Progress>();
  const rates = new Map<string, number>();
  let painted = 0;
  let paintedMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): string => {
    const text = painted === 0 ? "" : `\r${painted > 1 ? UP(painted - 1) : ""}${CLEAR_BELOW}`;
    painted = 0;
    return text;
  };
  const paint = (): void => {
    clearTimeout(timer);
    timer = undefined;
    paintedMs = performance.now();
    // The last column stays empty: a terminal may wrap as soon as it is written to.
    const columns = Math.max(10, (screen.columns ?? 80) - 1);
    const lines = [...all].map(([key, progress]) => renderLine(progress, smoothed(rates, key, progress.bytesPerSecond), columns));
    screen.write(erase() + lines.map((line) => CLEAR_LINE + line).join("\n"));
    painted = lines.length;
  };
  const schedule = (): void => {
    const waitMs = paintedMs + LIMITS.progressMs - performance.now();
    if (waitMs <= 0) paint();
    else timer ??= setTimeout(paint, waitMs);
  };

  return {
    update(key, progress) {
      all.set(key, progress);
      schedule();
    },
    remove(key) {
      if (all.delete(key)) paint();
      rates.delete(key);
    },
    print(text) {
      screen.write(`${erase()}${text}\n`);
      if (all.size > 0) paint();
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
      all.clear();
      screen.write(erase());
    },
  };
}

function smoothed(rates: Map<string, number>, key: string, rate: number): number {
  const before = rates.get(key) ?? 0;
  const now = before === 0 || rate === 0 ? rate : before + (rate - before) * SMOOTHING;
  rates.set(key, now);
  return now;
}

/**
 * "holiday.mkv   ██████░░░░   58 %   148 MiB of 256 MiB   61.2 MiB/s   0:02", and with less room less of it. The parts have their
 * places, so that nothing jumps, and the lines of several transfers stand in columns.
 */
export function renderLine({ name, doneBytes, totalBytes, waits }: Progress, rate: number, columns: number): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
  const left = rate > 0 ? formatClock(((totalBytes - doneBytes) / rate) * 1000) : "";
  const moves = [padStart(rate > 0 ? formatRate(rate) : "", PLACES.rate), padStart(left, PLACES.left)];
  const tail = [
    padStart(`${Math.floor(share * 100)} %`, PLACES.percent),
    ...(columns >= PLACES.wide ? [padStart(`${formatSize(doneBytes)} of ${formatSize(totalBytes)}`, PLACES.amount)] : []),
    ...(waits === undefined ? moves : [waits]),
  ].join("  ");
  const room = columns - widthOf(tail) - 2;
  const nameColumns = Math.max(PLACES.shortName, Math.min(PLACES.longName, Math.floor(room * 0.45)));
  const barColumns = Math.min(PLACES.longBar, room - nameColumns - 2);
  const shown = barColumns >= PLACES.shortBar && waits === undefined;
  const nameRoom = shown ? nameColumns : Math.max(PLACES.shortName, Math.min(PLACES.longName, room));
  const head = padEnd(fit(name, nameRoom), nameRoom);
  return fit([head, ...(shown ? [renderBar(share, barColumns)] : []), tail].join("  ").trimEnd(), columns);
}

function renderBar(share: number, columns: number): string {
  const full = Math.floor(share * columns);
  return "█".repeat(full) + "░".repeat(columns - full);
}

function steps(screen: Screen): ProgressView {
  const told = new Map<string, number>();
  const waiting = new Map<string, string>();
  return {
    update(key, { name, doneBytes, totalBytes, bytesPerSecond, waits }) {
      if (waits !== undefined) {
        if (waiting.get(key) !== waits) screen.write(`${name}: ${waits}\n`);
        waiting.set(key, waits);
        return;
      }
      waiting.delete(key);
      const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
      const step = percent - (percent % STEP_PERCENT);
      if (step <= (told.get(key) ?? 0)) return;
      told.set(key, step);
      screen.write(
        `${name}: ${step} % of ${formatSize(totalBytes)}${bytesPerSecond > 0 ? `, ${formatRate(bytesPerSecond)}` : ""}\n`,
      );
    },
    remove(key) {
      told.delete(key);
      waiting.delete(key);
    },
    print: (text) => void screen.write(`${text}\n`),
    close() {},
  };
}
