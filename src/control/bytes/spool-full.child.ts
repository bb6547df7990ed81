// A process for spool.test.ts: it writes into a directory of 2 MiB until there is no more space, and says what came of it.

import { readdir } from "node:fs/promises";

import type { CoveyError } from "../../core/errors.ts";
import { spool } from "./spool.ts";

const directory = process.argv[2]!;
const stream = await spool(directory, () => Promise.reject(new Error("it was handed over")));
const codeOf = (work: Promise<unknown>): Promise<string> => work.then(String, (error: unknown) => (error as CoveyError).code);
const code = await codeOf(
  (async () => {
    for (;;) await stream.write(Buffer.alloc(300_000, 1));
  })(),
);
const closed = (await stream.closed)?.code;
process.stdout.write(JSON.stringify({ code, closed, read: await codeOf(stream.read()), left: await readdir(directory) }));
