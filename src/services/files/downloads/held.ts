// What is here of a transfer that nobody has open.

import { Manifest } from "../../../blob/manifest.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Item } from "../offers/ledger.ts";
import { loadHashes, type OfferRecord } from "../offers/records.ts";
import { discardTree } from "../trees/discard-tree.ts";
import { hashScope, loadTree } from "../trees/tree-records.ts";
import type { IncomingNeeds } from "./incoming.ts";
import { discardPart } from "./part.ts";

/** Verified and durable. */
export async function knownBytes(store: SpaceStore, { id, kind, size }: OfferRecord): Promise<number> {
  if (kind === "file") return hashedBytes(store, id, size);
  const { state, waiting } = await loadTree(store, id);
  const begun = [...waiting.values()].filter(({ token }) => token !== undefined);
  const large = await Promise.all(begun.map((file) => hashedBytes(store, hashScope(id, file.path), file.size)));
  return large.reduce((sum, bytes) => sum + bytes, state.bytes);
}

/** Forgets it: it will not go on, or has to begin again. What is in place already stays. */
export async function discard(needs: Pick<IncomingNeeds, "store" | "ledger" | "writer">, item: Item): Promise<void> {
  await (item.record.kind === "file" ? discardPart(needs, item) : discardTree(needs, item));
}

async function hashedBytes(store: SpaceStore, scope: string, size: number): Promise<number> {
  const manifest = new Manifest(size);
  await loadHashes(store, scope, manifest);
  return manifest.knownBytes;
}
