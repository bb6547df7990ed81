// The head of a push stream: who asks says which space, and which store of its own; the answer says what it holds of that store.
// Then batches go one way and answers the other, in the same order: frames.ts.

import * as v from "valibot";

import type { SpaceId, StoreId } from "../../core/ids.ts";

export const PUSH_ROUTE = "space/push";

const hexOf = <Id extends string>(digits: number) =>
  v.custom<Id>((id) => typeof id === "string" && id.length === digits && /^[0-9a-f]+$/.test(id), `not ${digits} hex digits`);

const seqSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** From the side that pushes. */
export const pushArgs = v.object({ space: hexOf<SpaceId>(64), store: hexOf<StoreId>(32) });

/** From the side that takes: what it holds of the other's store (of any, if it was another one). */
export const pushValue = v.object({
  have: v.nullable(v.object({ store: hexOf<StoreId>(32), seq: seqSchema })),
});
