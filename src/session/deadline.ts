// A signal that aborts after some time or with another signal, and leaves neither timer nor listener behind.

import { CoveyError } from "../core/errors.ts";

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/** Aborts with `timeout` after `ms`, or with the parent's reason. `using` it ends both. */
export function createDeadline(ms: number, doing: string, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new CoveyError("timeout", `${doing} took longer than ${ms / 1000} s`)), ms);
  const abort = (): void => controller.abort(parent!.reason);
  if (parent?.aborted) abort();
  else parent?.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", abort);
    },
  };
}
