import assert from "node:assert/strict";
import type { networkInterfaces } from "node:os";
import { test } from "node:test";

import { watchNetwork } from "./network-watch.ts";

type Interfaces = ReturnType<typeof networkInterfaces>;

const having = (...addresses: readonly string[]): Interfaces => ({
  eth0: addresses.map((address) => ({ address, netmask: "", mac: "", cidr: null, internal: false, family: "IPv4" as const })),
});

test("a change of addresses is told once; their order, and no change, are not", async () => {
  const states = [
    having("192.0.2.1", "192.0.2.2"),
    having("192.0.2.2", "192.0.2.1"),
    having("192.0.2.3"),
    having("192.0.2.3"),
    having(),
  ];
  const changes: number[] = [];
  let at = -1;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const read = (): Interfaces => {
    at = Math.min(at + 1, states.length);
    if (at === states.length) resolve();
    return states[Math.min(at, states.length - 1)]!;
  };
  const end = watchNetwork(() => changes.push(at), { read, everyMs: 1 });
  await over;
  end();
  assert.deepEqual(changes, [2, 4]);
});
