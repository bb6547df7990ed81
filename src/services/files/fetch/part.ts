// The partial file of one transfer on the receiving side: verified blocks go in, and become durable by checkpoints.
//
//   1. open: where the last checkpoint left it, or from nothing
//   2. add: a verified block goes to the sink; its hash is noted
//   3. checkpoint: flush the file, and only then save the hashes of what is in it
//   4. finish: compare the blob's id, place the file, note that in the record; then the temp name goes

import { unlink } from "node:fs/promises";

import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { domainHash } from "../../../core/hash.ts";
import type { BlobId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { blockLength, Manifest } from "../../../blob/manifest.ts";
import { safeFileName } from "../../../blob/names.ts";
import { removeTemp, Sink, tempPath } from "../../../blob/sink.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import type { Item, Ledger } from "../offers/ledger.ts";
import { clearHashes, loadHashes, saveHashes } from "../offers/records.ts";

interface PartNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

export class Part {
  readonly manifest: Manifest;
  readonly #needs: PartNeeds;
  readonly #item: Item;
  readonly #sink: Sink;
  /** Blocks that were added since the last checkpoint, in order of arrival. */
  #unsaved: number[] = [];
  #unsavedBytes = 0;
  #savedAtMs: number;
  #saving: Promise<void> | undefined;
  #failed: CoveyError | undefined;

  private constructor(needs: PartNeeds, item: Item, manifest: Manifest, sink: Sink) {
    this.#needs = needs;
    this.#item = item;
    this.manifest = manifest;
    this.#sink = sink;
    this.#savedAtMs = needs.clock.monotonicMs();
  }

  /** Rejects with what the file system says; `no-space` when the rest does not fit. */
  static async open(needs: PartNeeds, item: Item, signal: AbortSignal): Promise<Part> {
    const { id, size, temp, into } = item.record;
    if (into === undefined) throw new CoveyError("internal", "an accepted offer has no directory");
    const manifest = new Manifest(size);
    if (temp !== undefined) {
      await loadHashes(needs.store, id, manifest);
      const sink = await Sink.reopen(temp, manifest, into, signal);
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

  /** A block that agrees with its hash. Resolves when there is room for the next; `written` is called when its bytes are free. */
  async add(block: number, hash: Buffer, bytes: Buffer, written: () => void): Promise<void> {
    this.#assertWhole();
    await this.#sink.write(block, bytes, written);
    this.manifest.set(block, hash);
    this.#unsaved.push(block);
    this.#unsavedBytes += blockLength(this.manifest.size, block);
    const due =
      this.#unsavedBytes >= LIMITS.checkpointBytes || this.#needs.clock.monotonicMs() - this.#savedAtMs >= LIMITS.checkpointMs;
    if (!due) return;
    // The next blocks come in while this flush runs; a second one waits for it.
    await this.#saving;
    this.#assertWhole();
    this.#saving = this.checkpoint().catch(
      (error: unknown) => void (this.#failed = fromPlatform(error, "save what was received")),
    );
  }

  /** What was added before the call survives anything once it resolves. */
  async checkpoint(): Promise<void> {
    const blocks = this.#unsaved;
    if (blocks.length === 0) return;
    this.#unsaved = [];
    this.#unsavedBytes = 0;
    this.#savedAtMs = this.#needs.clock.monotonicMs();
    await this.#sink.sync();
    await saveHashes(this.#needs.store, this.#item.record.id, this.manifest, blocks);
  }

  /** Rejects with `integrity` when the blocks do not make the blob; else the file is in place and that is on record. */
  async finish(blob: string, signal: AbortSignal): Promise<void> {
    const { ledger } = this.#needs;
    const { name, into, ...facts } = this.#item.record;
    await this.#saving;
    this.#assertWhole();
    if (this.manifest.blobId() !== blob)
      throw new CoveyError("integrity", "the blocks do not make the file that the sender named");
    await this.checkpoint();
    const blake3 = await this.#sink.blake3(signal);
    const path = await this.#sink.place(into!, safeFileName(name), facts);
    await ledger.update(this.#item, { state: "done", path, blake3, blob: blob as BlobId, problem: undefined });
    await this.#sink.close();
    await discardPart(this.#needs, this.#item);
  }

  #assertWhole(): void {
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Keeps what is there for later, as of the last checkpoint; with `save`, as of now. */
  async close(options: { readonly save: boolean }): Promise<void> {
    try {
      await this.#saving;
      if (options.save && this.#failed === undefined) await this.checkpoint();
    } finally {
      await this.#sink.close();
    }
  }
}

/** Not the offer's id itself: that one the peer chose. */
const tempKey = (offer: string): string => domainHash("covey/temp/1", Buffer.from(offer)).toString("hex", 0, 12);

/** Forgets the partial file: the temp file, its hashes, and which version of the source they were of. */
export async function discardPart(needs: Pick<PartNeeds, "store" | "ledger">, item: Item): Promise<void> {
  const { id, temp, token, into } = item.record;
  if (temp !== undefined) await removeTemp(temp);
  // A crash may have come between the file and the note of it.
  else if (into !== undefined) await unlink(tempPath(into, tempKey(id))).catch(() => {});
  await clearHashes(needs.store, id);
  if (temp !== undefined || token !== undefined) await needs.ledger.update(item, { temp: undefined, token: undefined });
  needs.ledger.progress(item, 0, 0);
}
