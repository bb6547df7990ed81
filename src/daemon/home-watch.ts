// A home that was removed, or replaced by another, has no use for its daemon any more: nobody could find or stop it.

import { lstat } from "node:fs/promises";

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

export interface HomeWatch {
  /** Resolves, with the reason, once the directory is not there any more or is another one. */
  readonly gone: Promise<CoveyError>;
  stop(): void;
}

/** Looks every LIMITS.homeWatchMs. Rejects when the directory is not there now. */
export async function watchHome(dir: string): Promise<HomeWatch> {
  const first = await lstat(dir);
  const { promise: gone, resolve } = Promise.withResolvers<CoveyError>();
  const look = async (): Promise<void> => {
    const now = await lstat(dir).catch((error: unknown) => {
      // What can't be looked at this moment may still be there.
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : first;
    });
    if (now?.dev === first.dev && now.ino === first.ino) return;
    resolve(new CoveyError("closed", `the home ${JSON.stringify(dir)} was removed or replaced while its daemon ran`));
  };
  const timer = setInterval(() => void look(), LIMITS.homeWatchMs).unref();
  return { gone, stop: () => clearInterval(timer) };
}
