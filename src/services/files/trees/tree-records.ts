// How far a tree has come in, as local records: one that is written with each checkpoint, and one for each large file that waits.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import { domainHash } from "../../../core/hash.ts";
import { LIMITS } from "../../../core/limits.ts";
import { parse } from "../../../core/parse.ts";
import type { LargeFile, TreeNote, TreeNotes } from "../../../blob/tree/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { hashedBytes, noteSchema } from "../offers/records.ts";

const SERVICE = "files";

const stateSchema = v.object({
  /** Everything up to this path is here; absent before the first. */
  after: v.optional(v.string()),
  /** What is here whole. */
  files: v.number(),
  bytes: v.number(),
  /** Directories and links. */
  others: v.optional(v.number(), 0),
  /** What came over the wire for names, times and links. */
  nameBytes: v.number(),
  notes: v.object({ count: v.number(), first: v.array(noteSchema) }),
});
export type TreeState = Readonly<Omit<v.InferOutput<typeof stateSchema>, "notes">> & { readonly notes: TreeNotes };

const largeSchema = v.object({
  path: v.string(),
  size: v.number(),
  mtimeMs: v.number(),
  executable: v.boolean(),
  /** What the sender calls the version of which blocks are here. */
  token: v.optional(v.string()),
});
/** A large file that waits for its blocks. */
export type WaitingFile = LargeFile & { readonly token?: string | undefined };

const NOTHING: TreeState = { files: 0, bytes: 0, others: 0, nameBytes: 0, notes: { count: 0, first: [] } };

export async function loadTree(
  store: SpaceStore,
  offer: string,
): Promise<{ readonly state: TreeState; readonly waiting: Map<string, WaitingFile> }> {
  const [saved, large] = await Promise.all([
    store.getLocal(SERVICE, `tree/${offer}`),
    store.listLocal(SERVICE, `large/${offer}/`),
  ]);
  const what = "a record of a tree on its way";
  const waiting = large.map(({ value }) => parse(largeSchema, decodeCbor(value, what), what, "internal"));
  return {
    state: saved === undefined ? NOTHING : parse(stateSchema, decodeCbor(saved, what), what, "internal"),
    waiting: new Map(waiting.map((file) => [file.path, file])),
  };
}

/** Of the large files that have been begun, how much of each is verified and durable. */
export async function begunBytes(
  store: SpaceStore,
  offer: string,
  waiting: ReadonlyMap<string, WaitingFile>,
): Promise<Map<string, number>> {
  const begun = [...waiting.values()].filter(({ token }) => token !== undefined);
  const held = begun.map(async ({ path, size }) => [path, await hashedBytes(store, hashScope(offer, path), size)] as const);
  return new Map(await Promise.all(held));
}

/** In one commit: the state, and large files that wait now or, with undefined, no longer. Their hashes go then, too. */
export async function saveTree(
  store: SpaceStore,
  offer: string,
  state: TreeState,
  changes: Iterable<readonly [path: string, file: WaitingFile | undefined]> = [],
): Promise<void> {
  const records: { key: string; value: Uint8Array | undefined }[] = [{ key: `tree/${offer}`, value: encodeState(state) }];
  for (const [path, file] of changes) {
    records.push({ key: largeKey(offer, path), value: file === undefined ? undefined : encodeCbor({ ...file }) });
    if (file !== undefined) continue;
    const hashes = await store.listLocal(SERVICE, `hash/${hashScope(offer, path)}/`);
    records.push(...hashes.map(({ key }) => ({ key, value: undefined })));
  }
  await store.putLocal(SERVICE, records);
}

/** Everything but the hashes. */
export async function clearTree(store: SpaceStore, offer: string): Promise<void> {
  const large = await store.listLocal(SERVICE, `large/${offer}/`);
  await store.putLocal(
    SERVICE,
    [`tree/${offer}`, ...large.map(({ key }) => key)].map((key) => ({ key, value: undefined })),
  );
}

/** What the hashes of a large file are saved under: below those of its offer. */
export const hashScope = (offer: string, path: string): string => `${offer}/${digestOf(path)}`;

/** As many as are kept, counted all; the paths of what is kept have a bound, too. */
export function addNotes(notes: TreeNotes, more: readonly TreeNote[], count = more.length): TreeNotes {
  if (count === 0) return notes;
  const first = [...notes.first];
  let bytes = first.reduce((sum, { path }) => sum + path.length, 0);
  for (const { path, code } of more) {
    bytes += path.length;
    if (first.length >= LIMITS.treeNotes || bytes > LIMITS.treeNoteChars) break;
    first.push({ path, code });
  }
  return { count: notes.count + count, first };
}

const encodeState = ({ notes: { count, first }, ...state }: TreeState): Buffer =>
  encodeCbor({ ...state, notes: { count, first: first.map((note) => ({ ...note })) } });

const largeKey = (offer: string, path: string): string => `large/${offer}/${digestOf(path)}`;
const digestOf = (path: string): string => domainHash("covey/tree-path/1", Buffer.from(path)).toString("hex", 0, 16);
