// A time of a record, as a file gets it.

import { futimesSync } from "node:fs";

/** By the handle of a file or directory: the last change. */
export function setTime(fd: number, mtimeMs: number): void {
  // Node counts in seconds, as doubles, and the system cuts: without the half microsecond, reading would be a millisecond less. A negative
  // number means "now" to Node, a Date never.
  const time = mtimeMs >= 0 ? (mtimeMs + 0.0005) / 1000 : new Date(mtimeMs);
  futimesSync(fd, time, time);
}
