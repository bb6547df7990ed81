// For tests of trees that are written: packs from a list, a writer of one's own, and what is on disk in words.

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Staging, TreeNoteCode, TreeWriter } from "../../src/blob/tree/contract.ts";
import { PackBuilder } from "../../src/blob/tree/pack.ts";
import { TreeThread } from "../../src/blob/tree/tree-thread.ts";
import { createTreeWriter } from "../../src/blob/tree/tree-writer.ts";
import { hash } from "../../src/core/hash.ts";

export const { signal } = new AbortController();

/** A record of a pack, of any path: "d/" is a directory, what has bytes a file, a number the size of a large one. */
export type Item =
  | readonly [path: string]
  | readonly [path: string, content: string | Buffer | number]
  | readonly [path: string, does: "->", target: string]
  | readonly [path: string, does: "note", code: TreeNoteCode];

export const MTIME_MS = 1_600_000_000_123;

export function packOf(items: readonly Item[], mtimeMs = MTIME_MS): Buffer {
  const pack = new PackBuilder();
  const facts = { mtimeMs, executable: false };
  for (const [path, content, more] of items) {
    if (more !== undefined && content === "->") pack.link(path, more);
    else if (more !== undefined) pack.note(path, more as TreeNoteCode);
    else if (content === undefined) pack.directory(path.replace(/\/$/, ""), mtimeMs);
    else if (typeof content === "number") pack.file(path, content, facts);
    else {
      const bytes = Buffer.from(content);
      bytes.copy(pack.reserve(path, bytes.length));
      pack.keep(facts);
    }
  }
  return pack.finish();
}

/** A pack whose first file's bytes are not what its hash names. */
export function lying(path: string): Buffer {
  const pack = packOf([[path, "honest bytes"]]);
  pack[pack.length - 1]! ^= 1;
  return pack;
}

export interface Lab extends AsyncDisposable {
  readonly writer: TreeWriter;
  readonly dir: string;
  /** An empty directory. */
  readonly into: string;
  create(): Promise<Staging>;
}

export function openLab(parent = tmpdir()): Lab {
  const dir = realpathSync(mkdtempSync(join(parent, "covey-written-")));
  const into = join(dir, "into");
  mkdirSync(into);
  const writer = createTreeWriter(new TreeThread());
  return {
    writer,
    dir,
    into,
    create: () => writer.create(partOf(into), { signal }),
    [Symbol.asyncDispose]: async () => {
      await writer.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const partOf = (into: string): string => join(into, ".covey-key.part");

/** The roots as they stand in the staging directory. */
export const stagedTree = (staging: Staging): string => join(staging.id.path, "tree");

/** All that is below a directory, without what is hidden at its top: path, kind, rights, time in ms, and content. */
export function listed(directory: string): string[] {
  const lines: string[] = [];
  const visit = (path: string): void => {
    for (const name of readdirSync(join(directory, path)).sort()) {
      const at = path === "" ? name : `${path}/${name}`;
      if (at.startsWith(".covey-")) continue;
      const full = join(directory, at);
      const stat = lstatSync(full);
      const facts = `${(stat.mode & 0o7777).toString(8)} ${Math.floor(stat.mtimeMs)}`;
      if (stat.isDirectory()) {
        lines.push(`${at}/ ${facts}`);
        visit(at);
      } else if (stat.isSymbolicLink()) lines.push(`${at} -> ${readlinkSync(full)}`);
      else if (stat.isFile()) lines.push(`${at} ${facts} ${hash(readFileSync(full)).toString("hex", 0, 8)}`);
      else lines.push(`${at} special`);
    }
  };
  visit("");
  return lines;
}

/** Names alone. */
export const names = (directory: string): string[] => listed(directory).map((line) => line.split(" ")[0]!);
