// A process for process.test.ts that runs as a daemon does, on a store whose thread then asks for more memory than there is.

import { randomBytes } from "node:crypto";

import { silentLog } from "../../src/core/log.ts";
import { runUntil } from "../../src/daemon/signals.ts";
import { openSpaceStore } from "../../src/space/open-store.ts";
import { identityOf } from "../../src/space/test-kit.ts";

const store = await openSpaceStore({ path: process.argv[2]!, identity: identityOf(randomBytes(32)), log: silentLog });
for (let n = 0; n < 200_000; n += 10_000) {
  const records = Array.from({ length: 10_000 }, (_, i) => ({ key: `${n + i}`.padStart(200, "0"), value: Buffer.alloc(1) }));
  await store.putLocal("test", records);
}
const running = runUntil(new AbortController().signal, { log: silentLog, failed: store.failed, stop: () => store.close() });
await store.listLocal("test", "").catch(() => {});
process.exit(await running);
