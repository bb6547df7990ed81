// Trees read in the thread, for everybody else. A walk is read ahead; while a pack takes its time, empty ones say that it goes on.

import { untilAborted } from "../../core/async.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TreeReader, TreeRoot, TreeSummary, WalkOptions } from "./contract.ts";
import type { TreeThread } from "./tree-thread.ts";

/** `close` closes the thread. */
export function createTreeReader(thread: TreeThread): TreeReader {
  return {
    scan: (roots, { signal }) => scan(thread, roots, signal),
    walk: (roots, { signal, ...options }) => walk(thread, roots, options, signal),
    close: () => thread.close(),
  };
}

async function scan(thread: TreeThread, roots: readonly TreeRoot[], signal: AbortSignal): Promise<TreeSummary> {
  signal.throwIfAborted();
  const remote = thread.make("scan", roots);
  try {
    for (;;) {
      const summary = await untilAborted(remote.call("step"), signal);
      if (summary !== undefined) return summary;
    }
  } finally {
    remote.end();
  }
}

async function* walk(
  thread: TreeThread,
  roots: readonly TreeRoot[],
  options: WalkOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  signal.throwIfAborted();
  const remote = thread.make("walk", roots, options);
  // At once, even when nobody asks for the next pack.
  const end = (): void => remote.end();
  signal.addEventListener("abort", end, { once: true });
  const ahead: Promise<Buffer | undefined>[] = [];
  try {
    for (;;) {
      while (ahead.length < LIMITS.treePacksAhead) {
        const pack = remote.call("next");
        pack.catch(() => {});
        ahead.push(pack);
      }
      const pack = yield* saysItLives(untilAborted(ahead.shift()!, signal));
      if (pack === undefined) return;
      yield pack;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

/** Yields empty packs until the work is done. */
async function* saysItLives<T>(work: Promise<T>): AsyncGenerator<Buffer, T, undefined> {
  for (;;) {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), LIMITS.fileBusyMs);
    try {
      const first = await Promise.race([work.then((value) => ({ value })), late.promise]);
      if (first !== "late") return first.value;
    } finally {
      clearTimeout(timer);
    }
    yield Buffer.alloc(0);
  }
}
