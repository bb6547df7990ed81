// Room in a directory that is received into.

import { statfs } from "node:fs/promises";

import { CoveyError, fromPlatform } from "../../../core/errors.ts";

/** Rejects with `no-space` when so many bytes do not fit. */
export async function checkRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory).catch((error: unknown) => {
    throw fromPlatform(error, `look for room in ${JSON.stringify(directory)}`);
  });
  if (bavail * bsize >= bytes) return;
  throw new CoveyError("no-space", `there is no room for it in ${JSON.stringify(directory)}`, {
    hint: "Free some space, or receive it into another directory.",
  });
}
