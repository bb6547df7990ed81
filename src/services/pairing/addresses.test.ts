import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../core/limits.ts";
import { believableAddresses } from "./addresses.ts";

const WIDE = ["tcp://192.0.2.7:4747", "tcp://[2001:db8::1]:4747", "tcp://10.0.0.3:1"];
const LOOPBACK = ["tcp://127.0.0.1:22", "tcp://[::1]:631", "tcp://[::ffff:127.0.0.1]:22"];
const LINK = ["tcp://169.254.169.254:80", "tcp://[fe80::1]:80"];
const NEVER = [
  "tcp://0.0.0.0:80",
  "tcp://[::]:80",
  "tcp://224.0.0.1:80",
  "tcp://192.0.2.7:0",
  "tcp://192.0.2.7:65536",
  "tcp://localhost:22",
  "tcp://host.example:22",
];
const NONSENSE = [
  "",
  "192.0.2.7:1",
  "tcp://",
  "tcp://\u001b[2J:1",
  "http://192.0.2.7/",
  "memory://1",
  "javascript:alert(1)",
  `x://${"y".repeat(1000)}`,
];
const ALL = [...LOOPBACK, ...LINK, ...NEVER, ...NONSENSE, ...WIDE];

test("a peer far away is believed only addresses that reach far", () => {
  assert.deepEqual(believableAddresses(ALL, "tcp://198.51.100.1:40000"), WIDE);
  assert.deepEqual(believableAddresses(ALL, "tcp://[2001:db8::99]:40000"), WIDE);
});

test("a peer on this machine may name loopback, one on this link its link's", () => {
  assert.deepEqual(believableAddresses(ALL, "tcp://127.0.0.1:40000"), [...LOOPBACK, ...WIDE]);
  assert.deepEqual(believableAddresses(ALL, "tcp://[::1]:40000"), [...LOOPBACK, ...WIDE]);
  assert.deepEqual(believableAddresses(ALL, "tcp://169.254.3.4:40000"), [...LINK, ...WIDE]);
});

test("an address of another scheme is believed over that scheme only", () => {
  assert.deepEqual(believableAddresses(ALL, "memory://2"), ["memory://1", ...WIDE]);
});

test("floods are cut, and repetitions dropped", () => {
  const flood = Array.from({ length: 10_000 }, (_, i) => `tcp://10.${i >> 8}.${i & 255}.1:80`);
  assert.deepEqual(believableAddresses(flood, "tcp://10.9.9.9:1"), flood.slice(0, LIMITS.dialAddresses));
  assert.deepEqual(believableAddresses(["tcp://10.0.0.1:1", "tcp://10.0.0.1:1"], "tcp://10.9.9.9:1"), ["tcp://10.0.0.1:1"]);
});
