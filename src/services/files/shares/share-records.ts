// What this peer shares, kept in the store as local records: the authority. Entries only tell the other side.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import type { PeerId } from "../../../core/ids.ts";
import { parse } from "../../../core/parse.ts";
import type { SpaceStore } from "../../../space/contract.ts";

const SERVICE = "files";

const recordSchema = v.object({
  /** 16 random bytes in hex, like an offer's. */
  id: v.string(),
  peer: v.pipe(
    v.string(),
    v.transform((text) => text as PeerId),
  ),
  name: v.string(),
  /** Absolute, resolved when it was shared. */
  path: v.string(),
  /** As it was then. */
  type: v.picklist(["file", "directory"]),
  sharedAtMs: v.number(),
  untilMs: v.optional(v.number()),
});
export type ShareRecord = Readonly<v.InferOutput<typeof recordSchema>>;

export async function loadShares(store: Pick<SpaceStore, "listLocal">): Promise<ShareRecord[]> {
  const stored = await store.listLocal(SERVICE, "share/");
  return stored.map(({ value }) =>
    parse(recordSchema, decodeCbor(value, "a record of a share"), "a record of a share", "internal"),
  );
}

export const saveShare = (store: Pick<SpaceStore, "putLocal">, record: ShareRecord): Promise<void> =>
  store.putLocal(SERVICE, [{ key: `share/${record.id}`, value: encodeCbor(record) }]);

export const removeShare = (store: Pick<SpaceStore, "putLocal">, id: string): Promise<void> =>
  store.putLocal(SERVICE, [{ key: `share/${id}`, value: undefined }]);
