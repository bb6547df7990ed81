// What is here of a transfer that nobody has open.

import type { SpaceStore } from "../../../space/contract.ts";
import type { Item } from "../offers/ledger.ts";
import { hashedBytes, type OfferRecord } from "../offers/records.ts";
import { discardTree } from "../trees/discard-tree.ts";
import { begunBytes, loadTree } from "../trees/tree-records.ts";
import type { IncomingNeeds } from "./incoming.ts";
import { discardPart } from "./part.ts";

/** Verified and durable. */
export async function knownBytes(store: SpaceStore, { id, kind, size }: OfferRecord): Promise<number> {
  if (kind === "file") return hashedBytes(store, id, size);
  const { state, waiting } = await loadTree(store, id);
  const large = await begunBytes(store, id, waiting);
  return [...large.values()].reduce((sum, bytes) => sum + bytes, state.bytes);
}

/** Forgets it: it will not go on, or has to begin again. What is in place already stays. */
export async function discard(needs: Pick<IncomingNeeds, "store" | "ledger" | "writer">, item: Item): Promise<void> {
  await (item.record.kind === "file" ? discardPart(needs, item) : discardTree(needs, item));
}
