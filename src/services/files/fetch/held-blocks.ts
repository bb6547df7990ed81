// What is here of one file: verified blocks go into it, and become durable by checkpoints.
//
//   1. add: a verified block goes to the file; its hash is noted
//   2. checkpoint: flush the file, and only then save the hashes of what is in it

import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { blockLength, type Manifest } from "../../../blob/manifest.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { saveHashes } from "../offers/records.ts";

/** The file: a Sink, or a BlockWriter. */
interface BlockFile {
  write(block: number, bytes: Uint8Array, written: () => void): Promise<void>;
  sync(): Promise<void>;
}

interface HeldNeeds {
  readonly store: SpaceStore;
  readonly clock: Clock;
}

export class HeldBlocks {
  readonly manifest: Manifest;
  readonly #needs: HeldNeeds;
  /** What the hashes are saved under. */
  readonly #scope: string;
  readonly #file: BlockFile;
  /** Blocks that were added since the last checkpoint, in order of arrival. */
  #unsaved: number[] = [];
  #unsavedBytes = 0;
  #savedAtMs: number;
  #saving: Promise<void> | undefined;
  #failed: CoveyError | undefined;

  constructor(needs: HeldNeeds, scope: string, manifest: Manifest, file: BlockFile) {
    this.#needs = needs;
    this.#scope = scope;
    this.manifest = manifest;
    this.#file = file;
    this.#savedAtMs = needs.clock.monotonicMs();
  }

  /** A block that agrees with its hash. Resolves when there is room for the next; `written` is called when its bytes are free. */
  async add(block: number, hash: Buffer, bytes: Buffer, written: () => void): Promise<void> {
    this.#assertWhole();
    await this.#file.write(block, bytes, written);
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
    await this.#file.sync();
    await saveHashes(this.#needs.store, this.#scope, this.manifest, blocks);
  }

  /** No checkpoint runs any more, and none has failed. */
  async settle(): Promise<void> {
    await this.#saving;
    this.#assertWhole();
  }

  /** The last checkpoint before the file is closed: as of now with `save`. */
  async end(options: { readonly save: boolean }): Promise<void> {
    await this.#saving;
    if (options.save && this.#failed === undefined) await this.checkpoint();
  }

  /** Rejects with `integrity` when the blocks do not make the blob. */
  assertBlob(blob: string): void {
    if (this.manifest.blobId() !== blob)
      throw new CoveyError("integrity", "the blocks do not make the file that the sender named");
  }

  #assertWhole(): void {
    if (this.#failed !== undefined) throw this.#failed;
  }
}
