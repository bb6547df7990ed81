// A large file of a tree: it stands in the staging directory, as long as it will be, and its blocks go into it.

import type { Clock } from "../../../core/clock.ts";
import { BlockWriter } from "../../../blob/block-writer.ts";
import { Manifest } from "../../../blob/manifest.ts";
import type { Staging } from "../../../blob/tree/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { HeldBlocks } from "../fetch/held-blocks.ts";
import { clearHashes, loadHashes } from "../offers/records.ts";
import { hashScope, type WaitingFile } from "./tree-records.ts";

interface LargeNeeds {
  readonly store: SpaceStore;
  readonly clock: Clock;
}

export class IncomingLarge {
  readonly blocks: HeldBlocks;
  readonly #writer: BlockWriter;

  private constructor(blocks: HeldBlocks, writer: BlockWriter) {
    this.blocks = blocks;
    this.#writer = writer;
  }

  /** Where the last checkpoint left it, or from nothing. */
  static async open(
    needs: LargeNeeds,
    offer: string,
    staging: Staging,
    file: WaitingFile,
    signal: AbortSignal,
  ): Promise<IncomingLarge> {
    const scope = hashScope(offer, file.path);
    const writer = new BlockWriter(await staging.openLarge(file.path), file.size);
    try {
      let manifest = new Manifest(file.size);
      if (file.token === undefined) await clearHashes(needs.store, scope);
      else await loadHashes(needs.store, scope, manifest);
      if (!(await writer.verify(manifest, signal))) {
        await clearHashes(needs.store, scope);
        manifest = new Manifest(file.size);
      }
      return new IncomingLarge(new HeldBlocks(needs, scope, manifest, writer), writer);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /** Everything is written. Rejects with `integrity` when the blocks do not make the blob. */
  async finish(blob: string): Promise<void> {
    await this.blocks.settle();
    this.blocks.assertBlob(blob);
    // A write that failed since is told by nothing else.
    await this.#writer.drain();
    await this.#writer.close();
  }

  async close(options: { readonly save: boolean }): Promise<void> {
    try {
      await this.blocks.end(options);
    } finally {
      await this.#writer.close();
    }
  }
}
