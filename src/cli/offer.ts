// What an offer is of, in words.

import { formatSize } from "../core/size.ts";
import { printable } from "../core/text.ts";
import type { Offer } from "../services/files/contract.ts";
import { formatCount } from "./format.ts";

type Root = Offer["roots"][number];

const NAMED = 3;
const LISTED = 10;

/** "photos/" is a directory. */
export const rootName = ({ name, kind }: Pick<Root, "name" | "kind">): string =>
  `${printable(name)}${kind === "directory" ? "/" : ""}`;

/** "photos/ and report.pdf", "a.txt, b.txt and 98 more". */
export function offerName({ name, roots, rootCount }: Offer): string {
  if (roots.length === 0) return printable(name);
  const names = roots.slice(0, rootCount > NAMED ? NAMED - 1 : NAMED).map(rootName);
  const rest = rootCount - names.length;
  if (rest > 0) names.push(`${rest} more`);
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** "312 files, 1.2 GiB"; of a single file its size. */
export const offerSize = ({ kind, files, size }: Pick<Offer, "kind" | "files" | "size">): string =>
  kind === "file" ? formatSize(size) : `${formatCount(files, "file")}, ${formatSize(size)}`;

/** "holiday.mkv, 256 MiB"; "photos/ and report.pdf: 312 files, 1.2 GiB". */
export const describeOffer = (offer: Offer): string =>
  `${offerName(offer)}${offer.kind === "file" ? "," : ":"} ${offerSize(offer)}`;

/** A line for each root, at most ten; none for a single one, which its description names. */
export function listRoots({ roots, rootCount }: Offer, most = LISTED): readonly string[] {
  if (rootCount === 1) return [];
  const shown = roots.slice(0, most);
  const rest = rootCount - shown.length;
  return [...shown.map((root) => `${rootName(root)}, ${rootSize(root)}`), ...(rest === 0 ? [] : [`and ${rest} more`])];
}

function rootSize({ kind, files, bytes }: Root): string {
  if (kind === "link") return "a link";
  return offerSize({ kind: kind === "directory" ? "tree" : "file", files, size: bytes });
}
