// A reader of what is below a prefix: page by page, so that it holds one page in memory however much there is.

import type { SpaceId } from "../core/ids.ts";
import type { Page, Path, PathState, SpaceStore } from "./contract.ts";

/** Everything below the prefix, in the order of `list`; `limit` is the paths of one page. Nothing is read before it is asked for. */
export async function* statesBelow(
  store: Pick<SpaceStore, "list">,
  space: SpaceId,
  prefix: Path,
  page: Page = {},
): AsyncGenerator<PathState, void> {
  let states = await store.list(space, prefix, page);
  while (states.length > 0) {
    yield* states;
    states = await store.list(space, prefix, { ...page, after: states.at(-1)!.path });
  }
}
