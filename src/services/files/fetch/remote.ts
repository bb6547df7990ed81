// Errors of the way or of the other side, kept apart from those of this side's disk, which mean something else for what comes next.

import { CoveyError } from "../../../core/errors.ts";

/** peer: the other side said no, or what it said is wrong. cut: the way there broke. */
export interface RemoteFault {
  readonly type: "peer" | "cut";
  readonly error: CoveyError;
}

/** Never leaves this service: whoever asks the other side for something turns it into a fault. */
export class RemoteError extends Error {
  readonly error: CoveyError;

  constructor(error: CoveyError) {
    super(error.message);
    this.error = error;
  }
}

/** The fault that was thrown; what is not one is thrown on. */
export function faultOf(error: unknown): RemoteFault {
  if (!(error instanceof RemoteError)) throw error;
  const cut = error.error.code === "closed" || error.error.code === "timeout" || error.error.code === "unreachable";
  return { type: cut ? "cut" : "peer", error: error.error };
}

/** Whatever fails in this work is the other side's doing, or the way's. */
export async function fromPeer<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    throw new RemoteError(
      error instanceof CoveyError ? error : new CoveyError("internal", "the request failed", { cause: error }),
    );
  }
}
