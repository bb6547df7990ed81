// A process of its own for fault.test.ts, which kills it or fills its disk.

import { randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { CoveyError } from "../core/errors.ts";
import { silentLog } from "../core/log.ts";
import { openSpaceStore } from "./open-store.ts";
import { pathOf } from "./path.ts";
import { identityOf } from "./test-kit.ts";

const [mode, directory, seed] = process.argv.slice(2) as ["write" | "full" | "failing" | "memory", string, string];
const identity = identityOf(Buffer.from(seed, "hex"));
const codeOf = (error: unknown): unknown => (error instanceof CoveyError ? error.code : error);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

if (mode === "write") await writeForEver();
else if (mode === "memory") await askForTooMuch();
else await writeUntilItFails();

/** Says the number of each write once it is acknowledged. Each one is three entries, all or none. */
async function writeForEver(): Promise<void> {
  const store = await openSpaceStore({ path: join(directory, "space.db"), identity, log: silentLog });
  const space = await store.self();
  const first = (await store.list(space, pathOf("data", "a"), { limit: 1000 })).length;
  for (let n = first; ; n += 4) {
    const together = [n, n + 1, n + 2, n + 3].map(async (number) => {
      const key = String(number).padStart(8, "0");
      await store.write(
        space,
        ["a", "b", "c"].map((name) => ({ path: pathOf("data", name, key), value: randomBytes(200) })),
      );
      say(String(number));
    });
    await Promise.all(together);
  }
}

/**
 * Writes until the disk is full (`full`) or refuses to write (`failing`: no file may grow beyond a limit), sees that exactly what was
 * acknowledged is there, mends the disk, goes on.
 */
async function writeUntilItFails(): Promise<void> {
  const filler = join(directory, "filler");
  if (mode === "full") await writeFile(filler, Buffer.alloc(2 * 1024 * 1024, 1));
  const store = await openSpaceStore({ path: join(directory, "space.db"), identity, log: silentLog });
  const space = await store.self();
  let acknowledged = 0;
  let refusal: CoveyError | undefined;
  while (refusal === undefined && acknowledged < 20_000) {
    const value = randomBytes(1024);
    const key = String(acknowledged).padStart(8, "0");
    try {
      await store.write(
        space,
        ["a", "b"].map((name) => ({ path: pathOf("data", key, name), value })),
      );
      acknowledged++;
    } catch (error) {
      refusal = error as CoveyError;
    }
  }
  const { paths } = (await store.spaces())[0]!;
  const last = await store.list(space, pathOf("data", String(acknowledged - 1).padStart(8, "0")));
  if (mode === "full") await rm(filler);
  else spawnSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited"]);
  const path = pathOf("data", "after");
  await store.write(space, [{ path, value: randomBytes(1024) }]);
  const goesOn = (await store.get(space, path)) !== undefined;
  await store.close();
  const again = await openSpaceStore({ path: join(directory, "space.db"), identity, log: silentLog });
  const reopened = (await again.spaces())[0]!.paths;
  await again.close();
  say(JSON.stringify({ code: refusal?.code, hint: refusal?.hint, acknowledged, paths, last: last.length, goesOn, reopened }));
}

/** Has the store's thread read more than it has memory for; says how that ends for calls under way, for later ones, and for the store. */
async function askForTooMuch(): Promise<void> {
  const store = await openSpaceStore({ path: join(directory, "space.db"), identity, log: silentLog });
  for (let n = 0; n < 200_000; n += 10_000) {
    const records = Array.from({ length: 10_000 }, (_, i) => ({ key: `${n + i}`.padStart(200, "0"), value: Buffer.alloc(1) }));
    await store.putLocal("test", records);
  }
  const calls = [store.listLocal("test", ""), store.spaces(), store.self()];
  const codes = (await Promise.allSettled(calls)).map((result) => result.status === "rejected" && codeOf(result.reason));
  const later = await store.spaces().catch(codeOf);
  const { code } = await store.failed;
  await store.close();
  say(JSON.stringify({ codes, later, failed: code }));
}
