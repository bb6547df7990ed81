// The end of what is here of a tree that is not whole, or was placed.

import { lstat } from "node:fs/promises";

import { partialPath } from "../downloads/part.ts";
import type { IncomingNeeds } from "../downloads/incoming.ts";
import type { Item } from "../offers/ledger.ts";
import { clearHashes, type OfferRecord } from "../offers/records.ts";
import { clearTree } from "./tree-records.ts";

/** The staging directory, which nobody has open, and how far it was. */
export async function discardTree(needs: Pick<IncomingNeeds, "store" | "ledger" | "writer">, item: Item): Promise<void> {
  const { temp, token } = item.record;
  await removeTree(needs, item.record);
  if (temp !== undefined || token !== undefined) await needs.ledger.update(item, { temp: undefined, token: undefined });
  needs.ledger.progress(item, 0, 0);
}

export async function removeTree(
  { store, writer }: Pick<IncomingNeeds, "store" | "writer">,
  { id, temp, into }: OfferRecord,
): Promise<void> {
  const staging = temp ?? (into === undefined ? undefined : await found(partialPath(into, id)));
  if (staging !== undefined) await writer.remove(staging);
  await clearTree(store, id);
  await clearHashes(store, id);
}

/** A crash may have come between the directory and the note of it. */
async function found(path: string): Promise<NonNullable<Item["record"]["temp"]> | undefined> {
  const stat = await lstat(path, { bigint: true }).catch(() => undefined);
  return stat === undefined ? undefined : { path, device: String(stat.dev), inode: String(stat.ino) };
}
