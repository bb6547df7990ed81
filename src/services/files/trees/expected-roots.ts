// Which things somebody agreed to receive: nothing else is taken, whatever is sent.

import { CoveyError } from "../../../core/errors.ts";
import { readPack } from "../../../blob/tree/pack.ts";
import { comparePaths } from "../../../blob/tree/paths.ts";
import type { OfferRecord } from "../offers/records.ts";

/** Throws `protocol` unless everything in the packs that it gets is of those. */
export function expectedOnly(record: OfferRecord): (pack: Buffer) => void {
  const expects = expectedRoots(record);
  let last: string | undefined;
  return (pack) => {
    for (const { path } of readPack(pack)) {
      const slash = path.indexOf("/");
      const root = slash < 0 ? path : path.slice(0, slash);
      if (root !== last && !expects(root)) throw new CoveyError("protocol", "the sender sent something that was not agreed to");
      last = root;
    }
  };
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
