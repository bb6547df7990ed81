// What is at a path below the directory that is served, opened without ever leaving it.
//
//  1. the directory itself, through whatever its path leads
//  2. name by name, each in the open directory before it, as something that is only looked at: no link is followed, and nothing that is
//     there (a FIFO, a device) notices
//  3. a link is read, and its names are gone through like the others: up only by the directories that led here, and never above the first
//  4. only a regular file or a directory is opened for reading, and it is the very one that was looked at
//
// Node has no openat(2): on Linux the handles under /proc/self/fd stand for it. Elsewhere it is the path again, and after each step it is
// seen that it still leads to the handle.

import { type BigIntStats, closeSync, constants, fstat, open as openByNumber } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath } from "node:fs/promises";
import { promisify } from "node:util";

import { HAS_HANDLES, isElsewhere, READ, SEARCH } from "../../blob/tree/directory.ts";
import { isCoveyHomeAt } from "../../blob/tree/covey-home.ts";
import { isOwnPart } from "../../blob/tree/names.ts";
import { LIMITS } from "../../core/limits.ts";

/** To look at whatever it is, a link too; with handles only, where it opens nothing. */
const LOOK = SEARCH & ~constants.O_DIRECTORY;
const SLASH = Buffer.from("/");
const UP = "..";

/** Open: to be closed by whoever asked for it. */
export type Found = FoundFile | FoundDirectory;

export interface FoundFile {
  readonly kind: "file";
  /** For reading. */
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  /** The directories that led to it, from the root on, one for each name but the last; undefined: it took a link. */
  readonly way: readonly BigIntStats[] | undefined;
}

export interface FoundDirectory {
  readonly kind: "directory";
  /** Only leads on. */
  readonly handle: Handle;
  /** Where a system call finds it. */
  readonly at: Buffer;
}

/** What is missing, leads out, or is neither a file nor a directory that may be read. */
class NotHere extends Error {}

/** undefined: there is nothing that is served. Throws what Node throws when it can't be known (too many open files, a broken disk). */
export async function openBelow(root: string, names: readonly Buffer[]): Promise<Found | undefined> {
  const way = new Way();
  try {
    await way.begin(root);
    return await way.go(names);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  } finally {
    await way.close();
  }
}

/** Where the name is, in the directory that is found there. */
export const inside = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name]);

/** Whether the directory that is found there is the home of a peer, with its key. */
export const isHome = (directory: Buffer): Promise<boolean> => isCoveyHomeAt((name) => inside(directory, Buffer.from(name)));

interface Handle {
  readonly fd: number;
  stat(options: { readonly bigint: true }): Promise<BigIntStats>;
  close(): Promise<void>;
}

interface Step {
  readonly handle: Handle;
  readonly at: Buffer;
}

/** The open directories from the root to where it has come. */
class Way {
  readonly #steps: Step[] = [];
  readonly #seen: BigIntStats[] = [];
  #links = 0;

  async begin(root: string): Promise<void> {
    const path = HAS_HANDLES ? root : await realpath(root);
    const handle = await openToLook(path, SEARCH & ~constants.O_NOFOLLOW);
    await this.#enter(handle, Buffer.from(path));
    this.#seen.push(await handle.stat({ bigint: true }));
  }

  async go(names: readonly Buffer[]): Promise<Found> {
    const left = names.toReversed();
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (name.length === 0 || name.equals(Buffer.from("."))) continue;
      if (name.toString("latin1") === UP) await this.#leave();
      else if (isOwnPart(name.toString("latin1"))) throw new NotHere();
      else {
        const file = await this.#goOn(name, left);
        if (file !== undefined) return file;
      }
    }
    return { kind: "directory", ...this.#steps.pop()! };
  }

  async close(): Promise<void> {
    await Promise.all(this.#steps.splice(0).map(({ handle }) => handle.close()));
  }

  /** A file is the end of the way; the names that a link leads by are put before those that are left. */
  async #goOn(name: Buffer, left: Buffer[]): Promise<Found | undefined> {
    const here = this.#steps.at(-1)!;
    const at = inside(here.at, name);
    const looked = await lookAt(at);
    try {
      if (looked.stat.isSymbolicLink()) {
        left.push(...(await this.#namesOfLink(at)).toReversed());
      } else if (looked.stat.isDirectory()) {
        const handle = looked.handle ?? (await sameAs(looked.stat, await openToLook(at, SEARCH)));
        delete looked.handle;
        await this.#enter(handle, at);
        this.#seen.push(looked.stat);
      } else if (looked.stat.isFile() && left.length === 0) {
        const way = this.#links === 0 ? this.#seen : undefined;
        return { kind: "file", handle: await openFile(looked, at), stat: looked.stat, way };
      } else {
        throw new NotHere();
      }
      return undefined;
    } finally {
      await looked.handle?.close();
    }
  }

  async #enter(handle: Handle, path: Buffer): Promise<void> {
    const at = HAS_HANDLES ? handlePath(handle) : path;
    this.#steps.push({ handle, at });
    if (this.#steps.length > LIMITS.treeDepth + 1) throw new NotHere();
    if (await isHome(at)) throw new NotHere();
  }

  async #leave(): Promise<void> {
    if (this.#steps.length === 1) throw new NotHere();
    await this.#steps.pop()!.handle.close();
  }

  async #namesOfLink(at: Buffer): Promise<readonly Buffer[]> {
    if (++this.#links > LIMITS.gatewayLinks) throw new NotHere();
    const target = await readlink(at, { encoding: "buffer" });
    if (target[0] !== SLASH[0]) return namesOf(target);
    const root = await this.#rootPath();
    if (!target.subarray(0, root.length + 1).equals(Buffer.concat([root, SLASH])) && !target.equals(root)) throw new NotHere();
    for (const { handle } of this.#steps.splice(1)) await handle.close();
    return namesOf(target.subarray(root.length));
  }

  async #rootPath(): Promise<Buffer> {
    const { at } = this.#steps[0]!;
    const path = HAS_HANDLES ? await readlink(at, { encoding: "buffer" }) : at;
    return path.equals(SLASH) ? Buffer.alloc(0) : path;
  }
}

interface Looked {
  /** Without handles there is none yet. */
  handle?: Handle;
  readonly stat: BigIntStats;
}

async function lookAt(at: Buffer): Promise<Looked> {
  if (!HAS_HANDLES) return { stat: await lstat(at, { bigint: true }) };
  const handle = await openToLook(at, LOOK);
  try {
    return { handle, stat: await handle.stat({ bigint: true }) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const openFd = promisify(openByNumber);
const statFd: (fd: number, options: { readonly bigint: true }) => Promise<BigIntStats> = promisify(fstat);

/** For what is not read, closing waits for nothing: there is no need to hand that to another thread. */
async function openToLook(path: string | Buffer, flags: number): Promise<Handle> {
  const fd = await openFd(path, flags);
  let isOpen = true;
  const close = async (): Promise<void> => {
    // Closed twice, it would be what has its number by now.
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return { fd, stat: (options) => statFd(fd, options), close };
}

async function openFile({ handle, stat }: Looked, at: Buffer): Promise<FileHandle> {
  // Through the handle it is a link of the kernel's own, which leads to what is open and nowhere else.
  return handle === undefined ? sameAs(stat, await open(at, READ)) : open(handlePath(handle), READ & ~constants.O_NOFOLLOW);
}

/** Closes what is not what was seen there. */
async function sameAs<T extends Handle>(seen: BigIntStats, handle: T): Promise<T> {
  try {
    if (!isElsewhere(seen, await handle.stat({ bigint: true }))) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  throw new NotHere();
}

const handlePath = ({ fd }: Handle): Buffer => Buffer.from(`/proc/self/fd/${fd}`);

function namesOf(path: Buffer): readonly Buffer[] {
  return path
    .toString("latin1")
    .split("/")
    .map((name) => Buffer.from(name, "latin1"));
}

const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "ENAMETOOLONG", "ENXIO", "EINVAL", "ENODEV"];

const isAbsence = (error: unknown): boolean =>
  error instanceof NotHere || ABSENT.includes((error as NodeJS.ErrnoException).code ?? "");
