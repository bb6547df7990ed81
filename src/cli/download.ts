// A file of an HTTP server, with progress like a transfer's, and what is known of its being whole. Nobody else goes on with it: what is
// stopped stays in part, for the next time.

import { CoveyError } from "../core/errors.ts";
import { formatSize } from "../core/size.ts";
import { printable } from "../core/text.ts";
import type { Placement } from "../control/covey.ts";
import type { Downloaded, DownloadProgress } from "../plain/contract.ts";
import { plain } from "../plain/plain.ts";
import type { Context } from "./context.ts";
import { percent } from "./format.ts";
import { Interrupted } from "./interrupted.ts";
import type { Output } from "./output.ts";
import { write } from "./stdout.ts";
import { createView, inTime } from "./transfer.ts";

const UNVERIFIABLE = "the server did not say how long the file is: nobody can tell whether all of it came";

interface Target {
  /** Absolute. */
  readonly into: string;
  readonly as?: string;
  readonly conflict: NonNullable<Placement["conflict"]>;
}

/** Each part goes out as it comes; a file that is not whole ends in an error. */
export async function readToStdout({ out, signal }: Context, url: string): Promise<void> {
  const onUnverifiable = (): void => out.warn(UNVERIFIABLE);
  for await (const bytes of plain.read(url, { signal, onUnverifiable })) await write(bytes, signal);
}

export async function download({ out, signal }: Context, url: string, target: Target): Promise<void> {
  const view = await createView(out);
  const speed = new Speed();
  const name = printable(target.as ?? lastPartOf(url));
  const startedMs = performance.now();
  let last: DownloadProgress | undefined;
  try {
    const done = await plain.download(url, {
      ...target,
      signal,
      onProgress: (progress) => {
        last = progress;
        const { doneBytes, size: totalBytes } = progress;
        view.update(url, { name, doneBytes, totalBytes, bytesPerSecond: speed.at(doneBytes, performance.now()) });
      },
    });
    view.remove(url);
    out.say(done, whatCame(done, url, performance.now() - startedMs));
    if (done.wholeBy === "close") out.warn(UNVERIFIABLE);
  } catch (error) {
    view.remove(url);
    if (error instanceof CoveyError && error.code === "conflict" && target.conflict === "skip")
      return out.say(null, `${error.message}.`);
    if (last !== undefined && signal.aborted) tellStopped(last, signal.reason, out);
    throw error;
  } finally {
    view.close();
  }
}

const WHOLE: Readonly<Record<Downloaded["wholeBy"], string>> = {
  hash: "verified",
  length: "as long as the server said",
  close: "of unverifiable length",
};

/** "Got ./app.tar from 192.0.2.7:8000: 1.2 MiB in 4.2 s, verified". */
function whatCame({ path, size, resumedBytes, wholeBy }: Downloaded, url: string, tookMs: number): string {
  const before = resumedBytes === 0 ? "" : ` (${formatSize(resumedBytes)} of it before)`;
  return `Got ${printable(path)} from ${printable(new URL(url).host)}: ${formatSize(size)}${before}${inTime(tookMs)}, ${WHOLE[wholeBy]}`;
}

function tellStopped({ doneBytes, size }: DownloadProgress, why: unknown, out: Output): void {
  if (!(why instanceof Interrupted && why.byHand)) return;
  const far = size === undefined ? `after ${formatSize(doneBytes)}` : `at ${percent(doneBytes, size)}`;
  out.note(`Stopped ${far}. The same command goes on with it, where the server can.`);
}

function lastPartOf(url: string): string {
  const part = URL.parse(url)?.pathname.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(part) || "file";
  } catch {
    return part;
  }
}

const WINDOW_MS = 500;

/** How fast it moves, over the last half second or more; what was there before counts for nothing. */
class Speed {
  #bytes: number | undefined;
  #atMs = 0;
  #bytesPerSecond = 0;

  at(doneBytes: number, nowMs: number): number {
    const passedMs = nowMs - this.#atMs;
    if (this.#bytes !== undefined && passedMs < WINDOW_MS) return this.#bytesPerSecond;
    if (this.#bytes !== undefined) this.#bytesPerSecond = ((doneBytes - this.#bytes) / passedMs) * 1000;
    this.#bytes = doneBytes;
    this.#atMs = nowMs;
    return this.#bytesPerSecond;
  }
}
