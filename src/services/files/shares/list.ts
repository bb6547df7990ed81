// What is in another peer's share, as its user sees it.

import type { PeerId } from "../../../core/ids.ts";
import type { TreeRecord } from "../../../blob/tree/pack.ts";
import type { Listed } from "../contract.ts";
import { type AskingNeeds, walkShare } from "./remote-walk.ts";
import { parseSharePath } from "./share-path.ts";

export async function* listShare(
  needs: AskingNeeds,
  peer: PeerId,
  path: string,
  { deep = false, signal }: { readonly deep?: boolean; readonly signal: AbortSignal },
): AsyncGenerator<Listed, void> {
  const at = parseSharePath(path);
  const before = at.path.slice(0, at.path.lastIndexOf("/") + 1);
  for await (const records of walkShare(needs, peer, at, deep, signal))
    for (const record of records) yield listed(before, record);
}

function listed(before: string, record: TreeRecord): Listed {
  const path = before + record.path;
  switch (record.type) {
    case "file": {
      const { size, mtimeMs, executable } = record;
      return { kind: "file", path, size, mtimeMs, executable };
    }
    case "directory":
      return { kind: "directory", path, mtimeMs: record.mtimeMs };
    case "link":
      return { kind: "link", path, target: record.target };
    case "note":
      return { kind: "note", path, code: record.code };
  }
}
