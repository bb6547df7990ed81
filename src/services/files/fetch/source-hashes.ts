// The hashes of one version of a source, as far as they are known, and BLAKE3 of the whole file on the way.

import { createHasher, hash, type Hasher } from "../../../core/hash.ts";
import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { blockLength, Manifest } from "../../../blob/manifest.ts";
import type { FileVersion } from "../../../blob/source.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { loadHashes, saveHashes } from "../offers/records.ts";

interface Kept {
  readonly store: SpaceStore;
  /** What the hashes are saved under. */
  readonly scope: string;
  /** Whether BLAKE3 of the whole is wanted, too. */
  readonly plain: boolean;
}

export class SourceHashes {
  /** The source's version. */
  readonly token: string;
  readonly manifest: Manifest;
  readonly #kept: Kept | undefined;
  readonly #plain: Hasher = createHasher();
  #plainNext = 0;
  #plainDigest: string | undefined;
  #unsaved: number[] = [];
  #unsavedBytes = 0;
  #saving: Promise<void> = Promise.resolve();

  private constructor(kept: Kept | undefined, { token, size }: FileVersion) {
    this.#kept = kept;
    this.token = token;
    this.manifest = new Manifest(size);
  }

  /** Without `kept` they are in memory only. */
  static async load(kept: Kept | undefined, version: FileVersion): Promise<SourceHashes> {
    const hashes = new SourceHashes(kept, version);
    if (kept !== undefined) await loadHashes(kept.store, kept.scope, hashes.manifest);
    return hashes;
  }

  /** The block's hash. Throws `changed` when it is not what it was for this version. */
  add(block: number, bytes: Uint8Array): Buffer {
    if (this.#kept?.plain === true && block === this.#plainNext) {
      this.#plain.update(bytes);
      this.#plainNext++;
    }
    const found = hash(bytes);
    const known = this.manifest.get(block);
    if (known?.equals(found) === false) throw new CoveyError("changed", "the file changed while it was read");
    if (known === undefined) {
      this.manifest.set(block, found);
      if (this.#kept === undefined) return found;
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
        if (this.#kept === undefined || blocks.length === 0) return;
        this.#unsaved = [];
        this.#unsavedBytes = 0;
        await saveHashes(this.#kept.store, this.#kept.scope, this.manifest, blocks);
      });
    return this.#saving;
  }
}
