// Changes of the keys under a prefix, as events that can each be resumed behind.

import type { SpaceId } from "../../core/ids.ts";
import type { Cursor, SpaceStore } from "../../space/contract.ts";
import { followChanges } from "../../space/follow.ts";
import type { DataEvent } from "./contract.ts";
import { pathOfPrefix } from "./key.ts";
import { itemOf, viewOf } from "./view.ts";

export async function* watchData(
  store: Pick<SpaceStore, "changes" | "subscribe" | "now">,
  space: SpaceId,
  prefix: string,
  { after, signal }: { readonly after?: Cursor; readonly signal: AbortSignal },
): AsyncGenerator<DataEvent, void> {
  const path = pathOfPrefix(prefix);
  signal.throwIfAborted();
  const start = after ?? (await store.now(space));
  if (after === undefined) yield { type: "now", cursor: start };
  for await (const page of followChanges(store, space, path, start, signal)) {
    const { store: id } = page.cursor;
    if (page.reset) yield { type: "reset", cursor: { store: id, seq: 0 } };
    for (const state of page.changes) {
      const view = viewOf(state);
      if (view?.winner === undefined) continue;
      const cursor = { store: id, seq: Math.max(...state.versions.map(({ seq }) => seq)) };
      const item = itemOf(view);
      yield item === undefined ? { type: "remove", key: view.key, cursor } : { type: "set", item, cursor };
    }
  }
}
