// What is at a path of another peer's share now: a file or a directory, or why it can't be had.

import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import type { TreeRecord } from "../../../blob/tree/pack.ts";
import { type AskingNeeds, walkShare } from "./remote-walk.ts";
import type { SharePath } from "./share-path.ts";

type Found = TreeRecord & { readonly type: "file" | "directory" };

/** Rejects with `not-found`, `unreachable`, `bad-argument`, `not-paired`, `protocol`. */
export async function lookAt(needs: AskingNeeds, peer: PeerId, at: SharePath, signal: AbortSignal): Promise<Found> {
  for await (const [record] of walkShare(needs, peer, at, false, signal)) {
    if (record === undefined) continue;
    if (record.type === "file" || record.type === "directory") return record;
    throw unusable(record, at);
  }
  throw new CoveyError("internal", "a walk ended before it began");
}

/** Regular files below a directory, and their bytes. */
export async function countBelow(
  needs: AskingNeeds,
  peer: PeerId,
  at: SharePath,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly size: number }> {
  let files = 0;
  let size = 0;
  for await (const records of walkShare(needs, peer, at, true, signal)) {
    for (const record of records) {
      if (record.type !== "file") continue;
      files++;
      size += record.size;
    }
  }
  return { files, size };
}

function unusable(record: TreeRecord & { readonly type: "link" | "note" }, { path }: SharePath): CoveyError {
  const shown = JSON.stringify(path);
  const code = record.type === "link" ? "link" : record.code;
  if (code === "link" || code === "link-outside")
    return new CoveyError("bad-argument", `${shown} is a link, and links are not followed`, {
      hint: "Get what it points to, if that is shared.",
    });
  if (code === "vanished") return new CoveyError("not-found", `${shown} is not there any more`);
  if (code === "special") return new CoveyError("bad-argument", `${shown} is neither a file nor a directory`);
  return new CoveyError("refused", `the other device can't read ${shown} (${code})`, {
    hint: "Its user may have to permit it there.",
  });
}
