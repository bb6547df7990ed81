// A process that writes a tree, to be killed amid it. Its argument is JSON; each line that it says is too.

import { rmSync } from "node:fs";
import { dirname } from "node:path";

import type { Conflict, LargeFile, StagingId, TreeWriter } from "../../src/blob/tree/contract.ts";
import { TreeThread } from "../../src/blob/tree/tree-thread.ts";
import { createTreeWriter } from "../../src/blob/tree/tree-writer.ts";
import { type Item, packOf, signal } from "./kit.ts";

export type Task =
  /** Opens it again and puts it in its place. */
  | { readonly do: "place"; readonly id: StagingId; readonly after: string; readonly into: string; readonly conflict: Conflict }
  /** Opens it again behind the last of these and writes more. Says what became of it. */
  | { readonly do: "append"; readonly id: StagingId; readonly after: string; readonly items: readonly Item[] }
  /** Packs of ten files, each followed by a sync, until it is killed, or fails, or has written `packs`. Says its id, and each cursor. */
  | { readonly do: "write"; readonly path: string; readonly packs: number; readonly bytes: number }
  /** The same on a disk that is full on the way: then the filler goes, and it goes on from the last sync; then it is placed. */
  | {
      readonly do: "fill";
      readonly path: string;
      readonly packs: number;
      readonly bytes: number;
      readonly filler: string;
      readonly into: string;
    };

const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => (error as { code: string }).code,
  );

/** Pack `n`: a directory of its own now and then, files, and a large one. */
export function packNumber(n: number, bytes: number): Buffer {
  const name = String(n).padStart(4, "0");
  const files = Array.from({ length: 10 }, (_, i) => [`${name}/f${i}`, Buffer.alloc(bytes, `${n} ${i} `)] as const);
  return packOf([[name], ...files, [`${name}/large`, 1000]]);
}

async function write(writer: TreeWriter, { path, packs, bytes }: { path: string; packs: number; bytes: number }): Promise<void> {
  const staging = await writer.create(path, { signal });
  say(staging.id);
  const large: LargeFile[] = [];
  for (let n = 0; n < packs; n++) {
    const written = await staging.write(packNumber(n, bytes));
    large.push(...written.large);
    const failed = await codeOf(staging.sync());
    if (failed !== undefined) {
      const later = [await codeOf(staging.sync()), await codeOf(staging.write(packNumber(n + 1, bytes)))];
      const placing = staging.place(dirname(path), { conflict: "rename", signal });
      return say({ failed, later: [...later, await codeOf(placing)] });
    }
    say({ next: n + 1, after: written.after, large, notes: written.notes });
  }
}

async function fill(writer: TreeWriter, task: Task & { do: "fill" }): Promise<void> {
  let staging = await writer.create(task.path, { signal });
  let cursor: { after: string | undefined; large: LargeFile[] } = { after: undefined, large: [] };
  for (let n = 0; n < task.packs;) {
    try {
      const { after, large } = await staging.write(packNumber(n, task.bytes));
      await staging.sync();
      cursor = { after, large: [...cursor.large, ...large] };
      n++;
    } catch (error) {
      say({ failed: (error as { code: string }).code, hint: (error as { hint?: string }).hint, next: n });
      await staging.close();
      rmSync(task.filler, { recursive: true });
      staging = (await writer.reopen(staging.id, cursor, { signal }))!;
    }
  }
  const { paths, notes } = await staging.place(task.into, { conflict: "rename", signal });
  say({ placed: paths.length, notes: notes.count });
}

if (process.argv[2] !== undefined && import.meta.main) {
  const task = JSON.parse(process.argv[2]) as Task;
  const writer = createTreeWriter(new TreeThread());
  if (task.do === "write") await write(writer, task);
  else if (task.do === "fill") await fill(writer, task);
  else if (task.do === "append") {
    const staging = await writer.reopen(task.id, { after: task.after, large: [] }, { signal });
    say(await staging!.write(packOf(task.items)));
  } else {
    const staging = await writer.reopen(task.id, { after: task.after, large: [] }, { signal });
    say(await staging!.place(task.into, { conflict: task.conflict, signal }));
  }
  await writer.close();
}
