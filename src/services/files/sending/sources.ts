// Where the things are that this peer offers: a file's path is in its offer's record, the roots of a tree are records of their own, since
// there may be many of them and the other one is written again at every change.

import * as v from "valibot";
import { mkdir, readdir, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

import { decodeCbor, encodeCbor } from "../../../core/cbor.ts";
import { fromPlatform } from "../../../core/errors.ts";
import { parse } from "../../../core/parse.ts";
import type { TreeRoot } from "../../../blob/tree/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { OfferRecord } from "../offers/records.ts";

const SERVICE = "files";
/** So many in one record: below what one CBOR value may have. */
const ROOTS_PER_RECORD = 1000;
/** Trees whose roots are in memory. */
const KEPT = 8;

const rootsSchema = v.array(v.object({ name: v.string(), path: v.string() }));

export class Sources {
  readonly #store: SpaceStore;
  readonly #spool: string;
  /** Of the trees that were asked for last. */
  readonly #kept = new Map<string, readonly TreeRoot[]>();

  /** `spool`: a directory of this peer's own, for files that are offered and then removed. */
  constructor(store: SpaceStore, spool: string) {
    this.#store = store;
    this.#spool = spool;
  }

  /** Removes what belongs to none of these offers. */
  async start(offers: Iterable<OfferRecord>): Promise<void> {
    const open = new Map([...offers].filter(({ token }) => token !== undefined).map((record) => [record.id, record]));
    const stored = await this.#store.listLocal(SERVICE, "roots/");
    const orphans = stored.filter(({ key }) => !open.has(key.split("/")[1]!));
    if (orphans.length > 0)
      await this.#store.putLocal(
        SERVICE,
        orphans.map(({ key }) => ({ key, value: undefined })),
      );

    const spooled = new Set([...open.values()].filter((record) => record.spooled).map(({ path }) => path));
    try {
      await mkdir(this.#spool, { recursive: true, mode: 0o700 });
      for (const name of await readdir(this.#spool))
        if (!spooled.has(join(this.#spool, name))) await rm(join(this.#spool, name), { recursive: true, force: true });
    } catch (error) {
      throw fromPlatform(error, `tidy up ${JSON.stringify(this.#spool)}`);
    }
  }

  isSpooled(path: string): boolean {
    return dirname(path) === this.#spool;
  }

  /** Durable when it resolves. */
  async saveRoots(offer: string, roots: readonly TreeRoot[]): Promise<void> {
    const records = [];
    for (let at = 0; at < roots.length; at += ROOTS_PER_RECORD)
      records.push({
        key: rootsKey(offer, at),
        value: encodeCbor(roots.slice(at, at + ROOTS_PER_RECORD).map(({ name, path }) => ({ name, path }))),
      });
    await this.#store.putLocal(SERVICE, records);
    this.#keep(offer, roots);
  }

  async rootsOf(offer: string): Promise<readonly TreeRoot[]> {
    const kept = this.#kept.get(offer);
    if (kept !== undefined) return kept;
    const stored = await this.#store.listLocal(SERVICE, `roots/${offer}/`);
    const roots = stored.flatMap(({ value }) =>
      parse(rootsSchema, decodeCbor(value, "the roots of a tree"), "the roots of a tree", "internal"),
    );
    this.#keep(offer, roots);
    return roots;
  }

  /** For an offer that is over. */
  async forget({ id, kind, spooled, path }: OfferRecord): Promise<void> {
    if (spooled && path !== undefined) await unlink(path).catch(() => {});
    if (kind !== "tree") return;
    this.#kept.delete(id);
    const stored = await this.#store.listLocal(SERVICE, `roots/${id}/`);
    await this.#store.putLocal(
      SERVICE,
      stored.map(({ key }) => ({ key, value: undefined })),
    );
  }

  #keep(offer: string, roots: readonly TreeRoot[]): void {
    this.#kept.delete(offer);
    this.#kept.set(offer, roots);
    for (const oldest of [...this.#kept.keys()].slice(0, -KEPT)) this.#kept.delete(oldest);
  }
}

/** Keys sort as numbers do. */
const rootsKey = (offer: string, at: number): string => `roots/${offer}/${at.toString(16).padStart(8, "0")}`;
