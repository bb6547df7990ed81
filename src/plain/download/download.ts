// A file of an HTTP server, into a directory.
//
//   1. what an earlier run left of the same address is taken up, if there is something
//   2. the rest is asked for, if it is still the same version; the server sends that, or all of it
//   3. the bytes go to the part
//   4. all there: as long as was said, the hash as was said, or as is said now; then it gets its name

import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { checkedDirectory } from "../../blob/placing.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Downloaded, DownloadOptions, DownloadProgress } from "../contract.ts";
import { type Answer, exchange, getAnswer } from "../http/answer.ts";
import { parseHttpUrl } from "../urls.ts";
import { nameOf } from "./name.ts";
import { alreadyThere, Part } from "./part.ts";
import { continuedVersion, hashOf, isNamedLater, versionOf } from "./version.ts";

export async function download(url: string, options: DownloadOptions): Promise<Downloaded> {
  const target = parseHttpUrl(url);
  const { into, as, conflict = "rename", onProgress = () => {}, signal } = options;
  assertName(as);
  signal?.throwIfAborted();
  const directory = await checkedDirectory(into);
  const part = await Part.claim(directory, target);
  try {
    const { answer, resumedBytes, size } = await open(part, target, signal);
    const name = as ?? nameOf(answer.head, target);
    if (conflict === "skip" && (await isThere(join(directory, name)))) {
      answer.drop();
      throw alreadyThere(name);
    }
    await receive(part, answer, size, onProgress);
    signal?.throwIfAborted();
    const blake3 = part.blake3();
    const expected = hashOf(answer.head) ?? (await laterHash(answer, signal));
    const wholeBy = assertWhole(answer, part, size, { expected, blake3 });
    const doneBytes = part.doneBytes;
    const path = await part.place(name, conflict, changedMs(answer));
    return { path, size: doneBytes, resumedBytes, wholeBy, blake3 };
  } catch (error) {
    const isWorthless = error instanceof CoveyError && ["integrity", "conflict", "io", "internal"].includes(error.code);
    await part.leave({ keep: !isWorthless });
    throw error;
  }
}

interface Opened {
  readonly answer: Answer;
  readonly resumedBytes: number;
  readonly size: number | undefined;
}

async function open(part: Part, url: URL, signal: AbortSignal | undefined): Promise<Opened> {
  const { remainder } = part;
  let answer = await getAnswer(url, remainder, signal);
  try {
    if (remainder !== undefined) {
      const version = continuedVersion(answer, remainder, part.leftSize);
      if (version !== undefined) {
        await part.resume(version, signal);
        return { answer, resumedBytes: remainder.from, size: version.size };
      }
      const { status } = answer.head ?? {};
      if (status === 206 || status === 416) {
        answer.drop();
        answer = await getAnswer(url, undefined, signal);
      }
    }
    const version = versionOf(answer);
    await part.begin(version);
    return { answer, resumedBytes: 0, size: version.size };
  } catch (error) {
    answer.drop();
    throw error;
  }
}

async function receive(
  part: Part,
  answer: Answer,
  size: number | undefined,
  onProgress: (progress: DownloadProgress) => void,
): Promise<void> {
  const tell = (): void => onProgress({ doneBytes: part.doneBytes, size });
  // Also of what came right before nothing more does.
  let telling: NodeJS.Timeout | undefined;
  try {
    for await (const bytes of answer.body()) {
      await part.write(size === undefined ? bytes : bytes.subarray(0, size - part.doneBytes));
      telling ??= setTimeout(() => {
        telling = undefined;
        tell();
      }, LIMITS.progressMs);
    }
  } finally {
    clearTimeout(telling);
  }
  tell();
}

/** A gateway sends a large file before it knows its hash, and knows it now: undefined when it does not, or has another version by now. */
async function laterHash({ url, head }: Answer, signal: AbortSignal | undefined): Promise<string | undefined> {
  const etag = head?.fields.get("etag");
  if (!isNamedLater(etag)) return undefined;
  try {
    const named = await exchange(url, { sameAs: etag }, { signal });
    named.drop();
    return named.head?.status === 304 ? hashOf(named.head) : undefined;
  } catch {
    // The file is as whole as its length says; whether the caller wants it at all is asked anew.
    signal?.throwIfAborted();
    return undefined;
  }
}

function assertWhole(
  { framing }: Answer,
  part: Part,
  size: number | undefined,
  { expected, blake3 }: { readonly expected: string | undefined; readonly blake3: string },
): Downloaded["wholeBy"] {
  if (size !== undefined && part.doneBytes < size)
    throw new CoveyError("connection-lost", `the server sent the file up to byte ${part.doneBytes} of ${size}, and no more`, {
      hint: "Try again: it goes on from there, where the server can.",
    });
  if (expected !== undefined && expected !== blake3)
    throw new CoveyError("integrity", "what came is not what the server says it has: the hashes differ", {
      hint: "Nothing of it was kept. Try again; if it happens again, the file over there is being changed.",
      details: { expected, blake3 },
    });
  if (expected !== undefined) return "hash";
  return size !== undefined || framing.by === "chunks" ? "length" : "close";
}

/** When the file was changed, where the server says so. */
function changedMs({ head }: Answer): number {
  const ms = Date.parse(head?.fields.get("last-modified") ?? "");
  return Number.isNaN(ms) || ms > Date.now() ? Date.now() : ms;
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

function assertName(as: string | undefined): void {
  if (as === undefined) return;
  if (as !== "" && as !== "." && as !== ".." && !/[/\0]/.test(as) && Buffer.byteLength(as) <= 255) return;
  throw new CoveyError("bad-argument", `${JSON.stringify(as)} can't be the name of a file`, {
    hint: "Name one file, without a slash; the directory is said by itself.",
  });
}
