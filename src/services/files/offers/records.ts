// What this side knows of each offer, kept in the store as local records: the authority on what was offered, to whom, and what was
// decided. Entries only tell the other side; a peer can write entries, but none of these.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import { isErrorCode, type ErrorCode } from "../../../core/errors.ts";
import { domainHash } from "../../../core/hash.ts";
import type { BlobId, PeerId } from "../../../core/ids.ts";
import { parse } from "../../../core/parse.ts";
import { HASH_BYTES, Manifest } from "../../../blob/manifest.ts";
import type { TreeNoteCode } from "../../../blob/tree/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";

const SERVICE = "files";

export const noteSchema = v.object({
  path: v.string(),
  code: v.pipe(
    v.string(),
    v.transform((code) => code as TreeNoteCode),
  ),
  now: v.exactOptional(v.string()),
});

const recordSchema = v.object({
  id: v.string(),
  number: v.number(),
  peer: v.pipe(
    v.string(),
    v.transform((text) => text as PeerId),
  ),
  direction: v.picklist(["in", "out"]),
  kind: v.optional(v.picklist(["file", "tree"]), "file"),
  name: v.string(),
  size: v.number(),
  mtimeMs: v.number(),
  executable: v.optional(v.boolean(), false),
  /** Of a tree. Its roots' paths, out, are records of their own. */
  files: v.optional(v.number(), 1),
  roots: v.optional(
    v.array(
      v.object({ name: v.string(), kind: v.picklist(["file", "directory", "link"]), files: v.number(), bytes: v.number() }),
    ),
  ),
  rootCount: v.optional(v.number(), 1),
  offeredAtMs: v.number(),
  state: v.picklist(["waiting", "accepted", "done", "declined", "withdrawn", "failed"]),
  /** How often the sender began anew after it had failed. */
  round: v.optional(v.number(), 0),
  /** The how-manieth of all to come to an end, or to fail. */
  ended: v.optional(v.number()),
  /** Stopped for now, here or by the other side. */
  paused: v.optional(v.boolean(), false),
  pausedThere: v.optional(v.boolean(), false),
  /** In: asked for in a share, not offered. */
  sharePath: v.optional(v.string()),
  as: v.optional(v.string()),
  conflict: v.optional(v.picklist(["rename", "skip", "overwrite"]), "rename"),
  /** Out: the source is a file of ours, to be removed when it is over. */
  spooled: v.optional(v.boolean(), false),
  notes: v.optional(v.object({ count: v.number(), first: v.array(noteSchema) })),
  /** Out: what was sent, as `sourcesKey` says it. */
  sources: v.optional(v.string()),
  /** Out, a file: the source, resolved. In: the file, once it is in place. */
  path: v.optional(v.string()),
  /**
   * Out: the version of the source that was offered. In: what the sender calls the version of which blocks are here. Absent once it is
   * over and nothing is left to remove.
   */
  token: v.optional(v.string()),
  /** In: the directory, resolved. */
  into: v.optional(v.string()),
  /** In: the size and the number of files that somebody agreed to; absent when nobody was asked. */
  agreedBytes: v.optional(v.number()),
  agreedFiles: v.optional(v.number()),
  /** In: the partial file, or the staging directory of a tree. */
  temp: v.optional(v.object({ path: v.string(), device: v.string(), inode: v.string() })),
  blob: v.optional(
    v.pipe(
      v.string(),
      v.transform((text) => text as BlobId),
    ),
  ),
  blake3: v.optional(v.string()),
  problem: v.optional(
    v.object({
      code: v.pipe(
        v.string(),
        v.transform((code): ErrorCode => (isErrorCode(code) ? code : "internal")),
      ),
      message: v.string(),
      hint: v.optional(v.string()),
    }),
  ),
});
export type OfferRecord = Readonly<v.InferOutput<typeof recordSchema>>;
/** What may be left out when one is made. */
export type NewOfferRecord = Omit<Readonly<v.InferInput<typeof recordSchema>>, "number">;
export const completeRecord = (record: NewOfferRecord & { readonly number: number }): OfferRecord =>
  v.parse(recordSchema, record);

/** The same for the same paths, resolved, in whatever order. */
export const sourcesKey = (paths: readonly string[]): string =>
  domainHash("covey/sources/1", Buffer.from([...new Set(paths)].sort().join("\0"))).toString("hex", 0, 16);

/** Every offer, in the order of their numbers. */
export async function loadRecords(store: SpaceStore): Promise<OfferRecord[]> {
  const stored = await store.listLocal(SERVICE, "offer/");
  const records = stored.map(({ value }) =>
    parse(recordSchema, decodeCbor(value, "a record of an offer"), "a record of an offer", "internal"),
  );
  return records.sort((a, b) => a.number - b.number);
}

export const saveRecord = (store: SpaceStore, record: OfferRecord): Promise<void> =>
  store.putLocal(SERVICE, [{ key: `offer/${record.id}`, value: encodeCbor(record) }]);

export const removeRecords = (store: SpaceStore, offers: readonly string[]): Promise<void> =>
  store.putLocal(
    SERVICE,
    offers.map((id) => ({ key: `offer/${id}`, value: undefined })),
  );

/** Fills the manifest with the hashes that were saved for this offer. */
export async function loadHashes(store: SpaceStore, offer: string, manifest: Manifest): Promise<void> {
  for (const { key, value } of await store.listLocal(SERVICE, `hash/${offer}/`)) {
    const from = Number.parseInt(key.slice(key.lastIndexOf("/") + 1), 16);
    for (let i = 0; (i + 1) * HASH_BYTES <= value.length && from + i < manifest.blocks; i++)
      manifest.set(from + i, value.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  }
}

/** How many bytes of a file of this size the saved hashes are of. */
export async function hashedBytes(store: SpaceStore, offer: string, size: number): Promise<number> {
  const manifest = new Manifest(size);
  await loadHashes(store, offer, manifest);
  return manifest.knownBytes;
}

/** Adds the hashes of these blocks, ascending: one record for each run of neighbours, so that a checkpoint of any file is small. */
export function saveHashes(store: SpaceStore, offer: string, manifest: Manifest, blocks: readonly number[]): Promise<void> {
  const runs: { from: number; hashes: Buffer[] }[] = [];
  for (const block of blocks) {
    const run = runs.at(-1);
    if (run !== undefined && run.from + run.hashes.length === block) run.hashes.push(manifest.get(block)!);
    else runs.push({ from: block, hashes: [manifest.get(block)!] });
  }
  const records = runs.map(({ from, hashes }) => ({
    key: `hash/${offer}/${from.toString(16).padStart(8, "0")}`,
    value: Buffer.concat(hashes),
  }));
  return store.putLocal(SERVICE, records);
}

export async function clearHashes(store: SpaceStore, offer: string): Promise<void> {
  const stored = await store.listLocal(SERVICE, `hash/${offer}/`);
  if (stored.length > 0)
    await store.putLocal(
      SERVICE,
      stored.map(({ key }) => ({ key, value: undefined })),
    );
}
