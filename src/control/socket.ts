// Where the daemon's socket is: in the home. When that path is too long for a socket, a link there leads to one in a private directory
// elsewhere. Whoever may not open the home gets to neither.

import { lstat, mkdtemp, readlink, rm, rmdir, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";

import { CoveyError, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Home } from "../identity/home-names.ts";
import { checkOwnedAndClosed } from "../identity/private-file.ts";

const ELSEWHERE = "covey-";
const NAME = "socket";

export interface SocketPlace {
  /** Where to listen. */
  readonly path: string;
  /** Makes it findable in the home; called once it listens. */
  publish(): Promise<void>;
  remove(): Promise<void>;
}

/** A place to listen at, with what a killed daemon left removed. The caller holds the home's lock. Rejects with `io`. */
export async function prepareSocket(home: Home): Promise<SocketPlace> {
  try {
    await removeSocket(home);
    const remove = (): Promise<void> => removeSocket(home);
    if (fits(home.socket)) return { path: home.socket, publish: async () => {}, remove };
    const path = join(await privateDirectory(), NAME);
    return {
      path,
      publish: () => symlink(path, home.socket),
      async remove() {
        await removeElsewhere(path);
        await remove();
      },
    };
  } catch (error) {
    throw fromPlatform(error, "make the daemon's socket");
  }
}

/** The socket of the home's daemon; undefined when there is none. Rejects with `home-unsafe` when others could have made it. */
export async function findSocket(home: Home): Promise<string | undefined> {
  try {
    checkOwnedAndClosed(home.dir, await lstat(home.dir), 0o700);
    const link = (await lstat(home.socket)).isSymbolicLink();
    const path = link ? await readlink(home.socket) : home.socket;
    if (link) checkOwnedAndClosed(dirname(path), await lstat(dirname(path)), 0o700);
    await lstat(path);
    return path;
  } catch (error) {
    const problem = fromPlatform(error, "find the daemon's socket");
    if (problem.code === "not-found") return undefined;
    throw problem;
  }
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= LIMITS.socketPathBytes;

/** mkdtemp makes it 0700 under a name that nobody could have taken before. */
async function privateDirectory(): Promise<string> {
  for (const base of [process.env["XDG_RUNTIME_DIR"], tmpdir()]) {
    if (base === undefined || !isAbsolute(base) || !fits(join(base, `${ELSEWHERE}XXXXXX`, NAME))) continue;
    const made = await mkdtemp(join(base, ELSEWHERE)).catch(() => undefined);
    if (made !== undefined) return made;
  }
  throw new CoveyError("io", "there is no place for the daemon's socket: the path of the home is too long for one", {
    hint: "Use a home with a shorter path, or set XDG_RUNTIME_DIR to a short directory of your own.",
  });
}

async function removeSocket(home: Home): Promise<void> {
  const target = await readlink(home.socket).catch(() => undefined);
  if (target !== undefined) await removeElsewhere(target);
  await rm(home.socket, { force: true });
}

/** Only what `privateDirectory` made: a link in a home that was copied here may lead anywhere. */
async function removeElsewhere(path: string): Promise<void> {
  const directory = dirname(path);
  if (basename(path) !== NAME || !basename(directory).startsWith(ELSEWHERE)) return;
  await rm(path, { force: true }).catch(() => {});
  await rmdir(directory).catch(() => {});
}
