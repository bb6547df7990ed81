// The store: entries signed and durable in batches, received by a peer that was away, and single writes. In a directory of TMPDIR, on
// whatever disk that is.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

import { silentLog } from "../src/core/log.ts";
import { pathOf } from "../src/space/path.ts";
import { openSpaceStore } from "../src/space/open-store.ts";
import { secretKeyOf, sign, verify } from "../src/space/signing.ts";
import { identityOf } from "../src/space/test-kit.ts";
import type { Row } from "./row.ts";

const ENTRIES = 100_000;
const BATCH = 1000;
const SINGLES = 300;

export async function benchStore(): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "covey-bench-"));
  try {
    return [...(await benchEntries(directory)), ...benchSignatures()];
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function benchEntries(directory: string): Promise<Row[]> {
  const [one, other] = [identityOf(randomBytes(32)), identityOf(randomBytes(32))];
  const writer = await openSpaceStore({ path: join(directory, "writer.db"), identity: one, log: silentLog });
  const receiver = await openSpaceStore({ path: join(directory, "receiver.db"), identity: other, log: silentLog });
  const space = await writer.direct(other.peerId);
  await receiver.direct(one.peerId);
  const value = (n: number): Buffer => Buffer.from(JSON.stringify({ title: `entry number ${n}`, done: false }));

  const writing = performance.now();
  for (let n = 0; n < ENTRIES; n += BATCH) {
    const writes = Array.from({ length: BATCH }, (_, i) => ({
      path: pathOf("data", "bench", String(n + i).padStart(9, "0")),
      value: value(n + i),
    }));
    await writer.write(space, writes);
  }
  const written = perSecond(ENTRIES, writing);

  const receiving = performance.now();
  let batch = await writer.outgoing(space, other.peerId, 0);
  for (;;) {
    // The next batch is read while this one is verified and stored, as the two ends of a session do.
    const next = batch.more ? writer.outgoing(space, other.peerId, batch.to) : undefined;
    await receiver.incoming(space, one.peerId, { store: writer.storeId(), ...batch });
    if (next === undefined) break;
    batch = await next;
  }
  const received = perSecond(ENTRIES, receiving);

  const singles: number[] = [];
  for (let n = 0; n < SINGLES; n++) {
    const started = performance.now();
    await writer.write(space, [{ path: pathOf("data", "single", `${n}`), value: value(n) }]);
    singles.push(performance.now() - started);
  }
  singles.sort((a, b) => a - b);
  const listing = performance.now();
  await writer.list(space, pathOf("data", "bench"));
  const listed = performance.now() - listing;
  await Promise.all([writer.close(), receiver.close()]);
  const threads = `${availableParallelism()} cores`;
  return [
    {
      name: "entries written, durable",
      value: written,
      unit: "/s",
      bar: ">= 40,000",
      note: `${BATCH} a commit, paths in order, ${threads}`,
    },
    {
      name: "entries received cold",
      value: received,
      unit: "/s",
      bar: ">= 20,000",
      note: `every signature verified; ${threads}`,
    },
    { name: "one write, median", value: singles[SINGLES / 2]!, unit: "ms", note: "one flush to disk and two thread hops" },
    { name: "one write, p99", value: singles[Math.floor(SINGLES * 0.99)]!, unit: "ms" },
    { name: "a page of 1,000 paths listed", value: listed, unit: "ms" },
  ];
}

/** What the machine gives at most: the figures above can't be better than these on one core. */
function benchSignatures(): Row[] {
  const secretKey = secretKeyOf(randomBytes(32));
  const publicKey = Buffer.from(secretKey.subarray(32));
  const message = randomBytes(250);
  const signature = sign(message, secretKey);
  const rate = (work: () => unknown): number => {
    const started = performance.now();
    let count = 0;
    for (; performance.now() - started < 200; count++) work();
    return perSecond(count, started);
  };
  return [
    { name: "Ed25519 signatures, one core", value: rate(() => sign(message, secretKey)), unit: "/s", note: "sodium" },
    {
      name: "Ed25519 verifications, one core",
      value: rate(() => verify(message, signature, publicKey)),
      unit: "/s",
      note: "sodium",
    },
  ];
}

const perSecond = (count: number, since: number): number => (count / (performance.now() - since)) * 1000;
