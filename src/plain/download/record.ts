// What is noted beside the partial file of a download, so that the same command goes on with it after a kill.
//
// Each run has names of its own, `.covey-KEY-RUN.part` and `.json`, where KEY stands for the address. Taking what another run left is a
// rename of its record: one of those who try at once gets it. Whether that run is over is a guess (its process is gone, or the record
// has not been touched for long). A wrong guess does no harm: bytes are only ever added to the same version of a file, another version goes to
// another file, and who has lost its part notices before it is placed.

import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import * as v from "valibot";

import { replaceFile, sweepTemporaries } from "../../core/atomic-file.ts";
import { fromPlatform } from "../../core/errors.ts";
import { domainHash } from "../../core/hash.ts";
import { LIMITS } from "../../core/limits.ts";
import { tempPath } from "../../blob/placing.ts";

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const SCHEMA = v.object({
  v: v.literal(1),
  url: v.string(),
  /** Which process has it; null: none. */
  owner: v.nullable(v.object({ host: v.string(), pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) })),
  device: v.string(),
  inode: v.string(),
  /** null: the server did not say. */
  size: v.nullable(bytes),
  /** Of the beginning, durable. */
  doneBytes: bytes,
  validator: v.nullable(v.string()),
});

export type DownloadRecord = v.InferOutput<typeof SCHEMA>;

/** Runs of this process. */
const running = new Set<string>();

/** Letters and digits that are the same for the same address. */
export const keyOf = (url: URL): string => domainHash("covey/download/1", Buffer.from(url.href)).toString("hex", 0, 12);

export const beginRun = (key: string, run: string): void => void running.add(`${key}-${run}`);
export const endRun = (key: string, run: string): void => void running.delete(`${key}-${run}`);

/** Durable when it resolves. Rejects with `io` or `no-space`. */
export async function saveRecord(partPath: string, record: Omit<DownloadRecord, "v" | "owner">, isHeld: boolean): Promise<void> {
  const owner = isHeld ? { host: hostname(), pid: process.pid } : null;
  await replaceFile(recordPath(partPath), JSON.stringify({ v: 1, owner, ...record } satisfies DownloadRecord));
}

export async function removeRecord(partPath: string): Promise<void> {
  await rm(recordPath(partPath), { force: true });
}

/**
 * Gives what an earlier run left of the same address to this one; what else earlier runs left of it is removed. Resolves to undefined when
 * there is nothing to go on with. Rejects with `io`.
 */
export async function takeLeft(directory: string, key: string, run: string): Promise<DownloadRecord | undefined> {
  const mine = tempPath(directory, `${key}-${run}`);
  let left: DownloadRecord | undefined;
  for (const other of await runsOf(directory, key)) {
    const part = tempPath(directory, `${key}-${other}`);
    const record = await readRecord(part);
    if (await isHeld(`${key}-${other}`, part, record)) continue;
    // Removed as it stands: whoever takes it at the same moment begins anew.
    if (record === undefined || record.validator === null || left !== undefined) await remove(part);
    else if (await take(part, mine)) left = record;
    await sweepTemporaries(recordPath(part));
  }
  return left;
}

async function runsOf(directory: string, key: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw fromPlatform(error, "look into the target directory");
  });
  const ours = new RegExp(`^\\.covey-${key}-([0-9a-f]{8})\\.(?:part|json)$`);
  return [...new Set(names.flatMap((name) => ours.exec(name)?.[1] ?? []))];
}

/** undefined: there is none, or none that can be read. */
async function readRecord(partPath: string): Promise<DownloadRecord | undefined> {
  try {
    const parsed = v.safeParse(SCHEMA, JSON.parse(await readFile(recordPath(partPath), "utf8")));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Before the first record there is only the part, whose time tells. */
async function isHeld(run: string, partPath: string, record: DownloadRecord | undefined): Promise<boolean> {
  if (running.has(run)) return true;
  if (record?.owner === null) return false;
  const touched = await stat(record === undefined ? partPath : recordPath(partPath)).catch(() => undefined);
  if (touched === undefined || Date.now() - touched.mtimeMs > LIMITS.plainClaimMs) return false;
  if (record === undefined || record.owner.host !== hostname()) return true;
  return record.owner.pid !== process.pid && isAlive(record.owner.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function take(from: string, to: string): Promise<boolean> {
  try {
    await rename(recordPath(from), recordPath(to));
    await rename(from, to);
    return true;
  } catch {
    await removeRecord(to);
    return false;
  }
}

async function remove(partPath: string): Promise<void> {
  await rm(partPath, { force: true });
  await removeRecord(partPath);
}

const recordPath = (partPath: string): string => partPath.replace(/\.part$/, ".json");
