// Open directories: the only way to what is in them. A path that the kernel resolves as a whole goes through whatever somebody puts in
// its way meanwhile; a name in an open directory is in that directory.
//
// Node has no openat(2). On Linux the handles under /proc/self/fd stand for it. Elsewhere it is the path again, and after each step
// it is seen that the path still leads to the handle: that finds links that stay, not somebody who is faster.

import {
  type BigIntStats,
  closeSync,
  constants,
  type Dir,
  existsSync,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  realpathSync,
} from "node:fs";

const HANDLES = "/proc/self/fd";
/** See above. */
export const HAS_HANDLES = existsSync(HANDLES);
/** What Node has no name for: a handle that only leads on, which needs no right to read. The same on all systems that Node runs on. */
const O_PATH = HAS_HANDLES ? 0x20_0000 : 0;

/** A directory, no link; as something to go through. */
export const SEARCH = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_PATH;
/** A directory, no link; as something to list. */
const LIST = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Something to read, no link, and nothing that could block. Whether it is a regular file is to be seen. */
export const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Where a system call finds `name` in the directory with this handle; `path` is where the directory was found. */
export const within = (fd: number, path: string, name: string): string =>
  HAS_HANDLES ? `${HANDLES}/${fd}/${name}` : `${path}/${name}`;

/** Whether `within` needs to be checked, see above, with what lstat says of `path`, and fstat of the handle. */
export const isElsewhere = (found: BigIntStats, handle: BigIntStats): boolean =>
  found.dev !== handle.dev || found.ino !== handle.ino;

export const goneElsewhere = (): Error => Object.assign(new Error("the directory is elsewhere now"), { code: "ENOENT" });

export const namesOf = (absolutePath: string): string[] => absolutePath.split("/").filter((name) => name !== "");

/** Throws what Node throws: its callers know what it means. Synchronous, for the thread of trees. */
export class Directory {
  readonly fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.fd = fd;
    this.#path = path;
  }

  /** By an absolute path without links, one name after the other. */
  static open(path: string): Directory {
    // Without O_PATH every step would take the right to read.
    if (!HAS_HANDLES) return Directory.#openAtOnce(path);
    let directory = new Directory(openSync("/", SEARCH), "");
    for (const name of namesOf(path)) {
      const parent = directory;
      try {
        directory = parent.search(name);
      } finally {
        parent.close();
      }
    }
    return directory;
  }

  static #openAtOnce(path: string): Directory {
    if (realpathSync(path) !== path) throw goneElsewhere();
    return new Directory(openSync(path, LIST), path);
  }

  /** A directory in this one, to go through. */
  search(name: string): Directory {
    return this.#enter(name, SEARCH);
  }

  /** A directory in this one, to list. */
  list(name: string): Directory {
    return this.#enter(name, LIST);
  }

  /** A handle for reading what has this name: any kind of thing but a link. */
  openToRead(name: string): number {
    return this.#checked(openSync(this.at(name), READ));
  }

  /** Where a system call finds what has this name, which is a name in the sense of contract.ts. */
  at(name: string): string {
    return within(this.fd, this.#path, name);
  }

  /** Where a system call finds this directory. */
  get itself(): string {
    return HAS_HANDLES ? `${HANDLES}/${this.fd}` : this.#path || "/";
  }

  /** Names are their bytes, as latin1. */
  entries(): Dir {
    return opendirSync(this.itself, { encoding: "latin1", bufferSize: 1024 });
  }

  stat(): BigIntStats {
    return fstatSync(this.fd, { bigint: true });
  }

  close(): void {
    closeSync(this.fd);
  }

  #enter(name: string, flags: number): Directory {
    return new Directory(this.#checked(openSync(this.at(name), flags)), `${this.#path}/${name}`);
  }

  #checked(fd: number): number {
    if (HAS_HANDLES || this.#path === "") return fd;
    try {
      if (!isElsewhere(lstatSync(this.#path, { bigint: true }), this.stat())) return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    throw goneElsewhere();
  }
}
