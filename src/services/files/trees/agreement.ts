// What somebody agreed to receive, against what comes: looked at before anything of a pack is written.

import { CoveyError } from "../../../core/errors.ts";
import { readPack } from "../../../blob/tree/pack.ts";
import { comparePaths } from "../../../blob/tree/paths.ts";
import { mostBytes, mostFiles, mostNameBytes, mostOthers } from "../downloads/agreed.ts";
import type { OfferRecord } from "../offers/records.ts";
import type { TreeProgress } from "./tree-progress.ts";

export class Agreement {
  readonly #record: OfferRecord;
  readonly #expects: (root: string) => boolean;
  #root: string | undefined;
  #files: number;
  #bytes: number;
  #others: number;
  #nameBytes: number;

  /** `progress`: what came before. */
  constructor(record: OfferRecord, { state, waiting }: TreeProgress) {
    this.#record = record;
    this.#expects = expectedRoots(record);
    this.#files = state.files + waiting.size;
    this.#bytes = [...waiting.values()].reduce((sum, { size }) => sum + size, state.bytes);
    this.#others = state.others;
    this.#nameBytes = state.nameBytes;
  }

  /** How this pack makes it more than what was agreed to, if it does. Throws `protocol` when something in it is none of it. */
  take(pack: Buffer): string | undefined {
    let content = 0;
    for (const record of readPack(pack)) {
      const slash = record.path.indexOf("/");
      const root = slash < 0 ? record.path : record.path.slice(0, slash);
      if (root !== this.#root && !this.#expects(root))
        throw new CoveyError("protocol", "the sender sent something that was not agreed to");
      this.#root = root;
      if (record.type === "directory" || record.type === "link") this.#others++;
      if (record.type !== "file") continue;
      this.#files++;
      this.#bytes += record.size;
      content += record.content?.bytes.length ?? 0;
    }
    this.#nameBytes += pack.length - content;
    return this.#grown();
  }

  #grown(): string | undefined {
    const { agreedBytes, agreedFiles = 0 } = this.#record;
    if (agreedBytes === undefined) return undefined;
    if (this.#bytes > mostBytes(agreedBytes)) return `${this.#bytes} bytes and more, not ${agreedBytes}`;
    if (this.#files > mostFiles(agreedFiles)) return `${this.#files} files and more, not ${agreedFiles}`;
    if (this.#others > mostOthers(agreedFiles)) return `${this.#others} directories and links and more`;
    if (this.#nameBytes > mostNameBytes(agreedFiles)) return `${this.#nameBytes} bytes and more of names alone`;
    return undefined;
  }
}

/** Whether a root is one of them. Of many, those beyond the ones that are listed can't be known. */
function expectedRoots({ sharePath, roots = [], rootCount }: OfferRecord): (root: string) => boolean {
  if (sharePath !== undefined) {
    const last = sharePath.slice(sharePath.lastIndexOf("/") + 1);
    return (root) => root === last;
  }
  const listed = new Set(roots.map(({ name }) => name));
  const isComplete = rootCount <= roots.length;
  const end = roots.at(-1)?.name ?? "";
  return (root) => listed.has(root) || (!isComplete && comparePaths(root, end) > 0);
}
