// What every call, and every watch, takes.

import type { Cursor } from "../space/contract.ts";

export interface CallOptions {
  /** Aborting rejects the call with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface WatchOptions extends CallOptions {
  /** Resume behind this; without it, from now on. */
  readonly after?: Cursor | undefined;
}
