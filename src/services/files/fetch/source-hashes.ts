// The hashes of one version of a source, as far as they are known, and BLAKE3 of the whole file on the way.

import { createHasher, hash, type Hasher } from "../../../core/hash.ts";
import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { blockLength, Manifest } from "../../../blob/manifest.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { loadHashes, saveHashes } from "../offers/records.ts";

export class SourceHashes {
  /** The source's version. */
  readonly token: string;
  readonly manifest: Manifest;
  readonly #store: SpaceStore;
  readonly #offer: string;
  readonly #plain: Hasher = createHasher();
  #plainNext = 0;
  #plainDigest: string | undefined;
  #unsaved: number[] = [];
  #unsavedBytes = 0;
  #saving: Promise<void> = Promise.resolve();

  private constructor(store: SpaceStore, offer: string, token: string, size: number) {
    this.#store = store;
    this.#offer = offer;
    this.token = token;
    this.manifest = new Manifest(size);
  }

  static async load(store: SpaceStore, offer: string, token: string, size: number): Promise<SourceHashes> {
    const hashes = new SourceHashes(store, offer, token, size);
    await loadHashes(store, offer, hashes.manifest);
    return hashes;
  }

  /** The block's hash. Throws `changed` when it is not what it was for this version. */
  add(block: number, bytes: Uint8Array): Buffer {
    if (block === this.#plainNext) {
      this.#plain.update(bytes);
      this.#plainNext++;
    }
    const found = hash(bytes);
    const known = this.manifest.get(block);
    if (known?.equals(found) === false) throw new CoveyError("changed", "the file changed while it was read");
    if (known === undefined) {
      this.manifest.set(block, found);
      this.#unsaved.push(block);
      this.#unsavedBytes += blockLength(this.manifest.size, block);
    }
    return found;
  }

  /** The blocks whose hash is not known. */
  *unknown(): Generator<number> {
    for (const { from, count } of this.manifest.missing(Infinity)) for (let i = 0; i < count; i++) yield from + i;
  }

  /** The blocks that still have to go by for BLAKE3 of the whole file. */
  *unhashed(): Generator<number> {
    for (let block = this.#plainNext; block < this.manifest.blocks; block++) yield block;
  }

  /** BLAKE3 of the whole file in hex, once every block has gone by in order. */
  blake3(): string | undefined {
    if (this.#plainDigest === undefined && this.#plainNext === this.manifest.blocks)
      this.#plainDigest = this.#plain.digest().toString("hex");
    return this.#plainDigest;
  }

  /** Saves what is new, when it is much. */
  async saveSome(): Promise<void> {
    if (this.#unsavedBytes >= LIMITS.checkpointBytes) await this.save();
  }

  save(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => {})
      .then(async () => {
        const blocks = this.#unsaved;
        if (blocks.length === 0) return;
        this.#unsaved = [];
        this.#unsavedBytes = 0;
        await saveHashes(this.#store, this.#offer, this.manifest, blocks);
      });
    return this.#saving;
  }
}
