// Progress on stderr: a line for each transfer, and one for each of its parts when there are several. On a terminal they are painted
// over, at most ten times a second; elsewhere, and on one that knows no such thing, there is one plain line per 10 %.

import { LIMITS } from "../core/limits.ts";
import { formatSize } from "../core/size.ts";
import { formatRate } from "./format.ts";
import { Pace } from "./pace.ts";
import { renderLine, type Line } from "./progress-line.ts";
import { measurable } from "./width.ts";

export interface Progress extends Line {
  readonly bytesPerSecond: number;
  /** What it is made of, when that is several things; `partCount` counts also those that are not named. */
  readonly parts?: readonly Line[];
  readonly partCount?: number;
}

export interface ProgressView {
  update(key: string, progress: Progress): void;
  /** The lines go; what took their place is printed by others. */
  remove(key: string): void;
  /** What `print` writes comes above the lines. */
  above(print: () => void): void;
  /** Takes all lines away. */
  close(): void;
}

/** What the view needs of stderr. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const STEP_PERCENT = 10;
// Columns.
const TYPED = 2;
const UP = (lines: number): string => `\u001b[${lines}A`;
const CLEAR_LINE = "\u001b[2K";
const CLEAR_BELOW = "\u001b[J";
const STILL = { rate: 0, leftMs: undefined };

export async function createProgress(screen: Screen, enabled: boolean): Promise<ProgressView> {
  if (!enabled) return { update() {}, remove() {}, above: (print) => print(), close() {} };
  await measurable(["\u{1f411}"]);
  return screen.isTTY === true && process.env["TERM"] !== "dumb" ? bars(screen) : steps(screen);
}

function bars(screen: Screen): ProgressView {
  const all = new Map<string, Progress>();
  const paces = new Map<string, Pace>();
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
    // Columns stay empty for the ^C that a terminal shows, and so that it wraps nothing; and a line, for what was typed last.
    const columns = Math.max(10, (screen.columns ?? 80) - TYPED);
    const rows = Math.max(1, (screen.rows ?? 24) - 1);
    for (const [key, { doneBytes, totalBytes, bytesPerSecond }] of all) {
      const pace = paces.get(key) ?? new Pace();
      paces.set(key, pace);
      pace.step(totalBytes === undefined ? undefined : totalBytes - doneBytes, bytesPerSecond, paintedMs);
    }
    const lines = renderAll(all, paces, columns, rows);
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
      paces.delete(key);
      if (all.delete(key)) paint();
    },
    above(print) {
      screen.write(erase());
      print();
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

/** As many lines as there is room for: all parts, or those that move, or transfers alone, or the first of those. */
export function renderAll(
  all: ReadonlyMap<string, Progress>,
  paces: ReadonlyMap<string, Pace>,
  columns: number,
  rows: number,
): readonly string[] {
  const parts = [...all.values()].flatMap(({ parts = [] }) => parts);
  const moving = parts.filter(({ doneBytes, totalBytes = Infinity }) => doneBytes > 0 && doneBytes < totalBytes);
  const shown = new Set([parts, moving, []].find((some) => some.length + all.size <= rows) ?? []);
  const lines = [...all].flatMap(([key, progress]) => [
    ...(progress.parts ?? []).filter((part) => shown.has(part)).map((part) => renderLine(part, STILL, columns)),
    renderLine({ ...progress, name: totalName(progress) }, paces.get(key) ?? STILL, columns),
  ]);
  return lines.length <= rows ? lines : lines.slice(0, rows);
}

/** "2 of 12" under the lines of the parts. */
function totalName({ name, parts = [], partCount = parts.length }: Progress): string {
  const finished = parts.filter(({ doneBytes, totalBytes }) => doneBytes === totalBytes).length;
  return parts.length === 0 ? name : `${finished} of ${partCount}`;
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
      if (totalBytes === undefined) return;
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
    above: (print) => print(),
    close() {},
  };
}
