// What a failed change of the file system means while a tree is written.

import { CoveyError, fromPlatform } from "../../../core/errors.ts";

export const platformCode = (error: unknown): string => String((error as NodeJS.ErrnoException | undefined)?.code);

/**
 * `no-space` or `io`: whatever else a system call says of a directory of ours is no answer to the caller's question. What Node says of
 * paths is left out: they are those of open handles.
 */
export function writeFailure(error: unknown, doing: string): CoveyError {
  if (error instanceof CoveyError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = Object.assign(new Error(/^E[A-Z0-9]+: [^,]+/.exec(message)?.[0] ?? message), { code });
  const failure = fromPlatform(reason, doing);
  if (failure.code === "no-space" || failure.code === "io" || failure.code === "internal") return failure;
  return new CoveyError("io", failure.message, { cause: error, details: failure.details });
}

/** No such thing, or not one of the kind that was asked for. */
export const isNotThere = (error: unknown): boolean => ["ENOENT", "ENOTDIR", "ELOOP"].includes(platformCode(error));
