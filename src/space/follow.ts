// A reader of changes that waits for more: what `watch` is made of.

import type { SpaceId } from "../core/ids.ts";
import { untilAborted } from "../core/async.ts";
import type { ChangePage, Cursor, Path, SpaceStore } from "./contract.ts";

/**
 * The pages of changes behind the cursor, and then more as they happen, until the signal aborts (it then throws the reason). Nothing is
 * read before it is asked for. Pages without changes are left out, unless they tell of a reset.
 */
export async function* followChanges(
  store: Pick<SpaceStore, "changes" | "subscribe">,
  space: SpaceId,
  prefix: Path,
  after: Cursor,
  signal: AbortSignal,
): AsyncGenerator<ChangePage, never> {
  let cursor = after;
  let fresh = Promise.withResolvers<void>();
  const unsubscribe = store.subscribe((changed) => {
    if (changed === space) fresh.resolve();
  });
  try {
    for (;;) {
      fresh = Promise.withResolvers();
      const page = await untilAborted(store.changes(space, prefix, cursor), signal);
      cursor = page.cursor;
      if (page.changes.length > 0 || page.reset) yield page;
      signal.throwIfAborted();
      if (!page.more) await untilAborted(fresh.promise, signal);
    }
  } finally {
    unsubscribe();
  }
}
