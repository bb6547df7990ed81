// The partial file of one transfer of a file on the receiving side.
//
//   1. open: where the last checkpoint left it, or from nothing
//   2. blocks: held-blocks.ts
//   3. finish: compare the blob's id, place the file, note that in the record; the temp name goes, and only then it is told

import { unlink } from "node:fs/promises";
import { join } from "node:path";

import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import { domainHash } from "../../../core/hash.ts";
import type { BlobId } from "../../../core/ids.ts";
import { Manifest } from "../../../blob/manifest.ts";
import { safeFileName } from "../../../blob/names.ts";
import { removeTemp, tempPath } from "../../../blob/placing.ts";
import { Sink } from "../../../blob/sink.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Item, Ledger } from "../offers/ledger.ts";
import { clearHashes, loadHashes, type OfferRecord } from "../offers/records.ts";
import { HeldBlocks } from "../fetch/held-blocks.ts";

interface PartNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

export class Part {
  readonly blocks: HeldBlocks;
  readonly #needs: PartNeeds;
  readonly #item: Item;
  readonly #sink: Sink;

  private constructor(needs: PartNeeds, item: Item, manifest: Manifest, sink: Sink) {
    this.#needs = needs;
    this.#item = item;
    this.#sink = sink;
    this.blocks = new HeldBlocks(needs, item.record.id, manifest, sink);
  }

  /** Nothing of what is on disk is to be relied on. */
  get isSpoilt(): boolean {
    return this.#sink.isSpoilt;
  }

  /** Rejects with what the file system says; `no-space` when a new one does not fit at all. */
  static async open(needs: PartNeeds, item: Item, signal: AbortSignal): Promise<Part> {
    const { id, size, temp, into } = item.record;
    if (into === undefined) throw new CoveyError("internal", "an accepted offer has no directory");
    const manifest = new Manifest(size);
    if (temp !== undefined) {
      await loadHashes(needs.store, id, manifest);
      const sink = await Sink.reopen(temp, manifest, signal);
      if (sink !== undefined) return new Part(needs, item, manifest, sink);
      await discardPart(needs, item);
    }
    const sink = await Sink.create(into, tempKey(id), size);
    try {
      await needs.ledger.update(item, { temp: sink.temp });
    } catch (error) {
      await sink.discard();
      throw error;
    }
    return new Part(needs, item, new Manifest(size), sink);
  }

  /** Rejects with `integrity` when the blocks do not make the blob; else the file is in place and that is on record. */
  async finish(blob: string, signal: AbortSignal): Promise<void> {
    const { store, ledger } = this.#needs;
    const { name, as = safeFileName(name), into, conflict, ...facts } = this.#item.record;
    await this.blocks.settle();
    this.blocks.assertBlob(blob);
    await this.blocks.checkpoint();
    const blake3 = await this.#sink.blake3(signal);
    const path =
      conflict === "rename"
        ? await this.#sink.place(into!, as, facts)
        : await this.#sink.placeAs(into!, as, facts, { overwrite: conflict === "overwrite" });
    const placed = path === undefined ? keptThere(join(into!, as), name) : { path, blake3 };
    const { size } = this.blocks.manifest;
    const done = { state: "done", ...placed, size, blob: blob as BlobId, problem: undefined } as const;
    await ledger.finish(this.#item, done, async () => {
      await this.#sink.close();
      await removePart(store, this.#item.record);
    });
  }

  /** Keeps what is there for later, as of the last checkpoint; with `save`, as of now. */
  async close(options: { readonly save: boolean }): Promise<void> {
    try {
      await this.blocks.end(options);
    } finally {
      await this.#sink.close();
    }
  }
}

/** What a record says when a file of that name was to stay, and was there. */
export const keptThere = (path: string, name: string): Pick<OfferRecord, "path" | "notes"> => ({
  path,
  notes: { count: 1, first: [{ path: name, code: "exists" }] },
});

/** Where the bytes of an offer are until it is whole. */
export const partialPath = (into: string, offer: string): string => tempPath(into, tempKey(offer));

/** Not the offer's id itself: that one the peer chose. */
const tempKey = (offer: string): string => domainHash("covey/temp/1", Buffer.from(offer)).toString("hex", 0, 12);

/** Forgets the partial file: the temp file, its hashes, and which version of the source they were of. */
export async function discardPart(needs: Pick<PartNeeds, "store" | "ledger">, item: Item): Promise<void> {
  const { temp, token } = item.record;
  await removePart(needs.store, item.record);
  if (temp !== undefined || token !== undefined) await needs.ledger.update(item, { temp: undefined, token: undefined });
  needs.ledger.progress(item, 0, 0);
}

async function removePart(store: SpaceStore, { id, temp, into }: OfferRecord): Promise<void> {
  if (temp !== undefined) await removeTemp(temp);
  // A crash may have come between the file and the note of it.
  else if (into !== undefined) await unlink(partialPath(into, id)).catch(() => {});
  await clearHashes(store, id);
}
