import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../core/limits.ts";
import { backOffMs } from "./back-off.ts";
import { learnedAddresses } from "./learned.ts";

const schemes = new Set(["tcp", "memory"]);
const none: readonly string[] = [];

test("what just worked comes first, then what the peer says, then what was known", () => {
  const learned = learnedAddresses({
    address: "tcp://nas.example:4747",
    dialled: true,
    listen: ["tcp://192.0.2.7:4747", "tcp://[2001:db8::7]:4747"],
    known: ["tcp://192.0.2.6:4747", "tcp://nas.example:4747"],
    schemes,
  });
  assert.deepEqual(learned, [
    "tcp://nas.example:4747",
    "tcp://192.0.2.7:4747",
    "tcp://[2001:db8::7]:4747",
    "tcp://192.0.2.6:4747",
  ]);
});

test("of who came in, its host as seen from here is kept with the port on which it listens", () => {
  const learned = learnedAddresses({
    address: "tcp://198.51.100.9:50123",
    dialled: false,
    listen: ["tcp://192.0.2.7:4747"],
    known: none,
    schemes,
  });
  assert.deepEqual(learned, ["tcp://192.0.2.7:4747", "tcp://198.51.100.9:4747"]);
});

test("learning the same again changes nothing", () => {
  const seen = {
    address: "tcp://198.51.100.9:50123",
    dialled: false,
    listen: ["tcp://192.0.2.7:4747", "tcp://192.0.2.8:4747"],
    schemes,
  };
  const first = learnedAddresses({ ...seen, known: ["tcp://192.0.2.8:4747"] });
  assert.equal(first[0], "tcp://192.0.2.8:4747");
  assert.deepEqual(learnedAddresses({ ...seen, address: "tcp://198.51.100.9:50999", known: first }), first);
});

test("another device cannot send us to our own ports or those beside us, by a name, to no address, or to a way that we do not have", () => {
  const seen = { dialled: false, known: none, schemes };
  const listen = [
    "tcp://127.0.0.1:22",
    "tcp://[::1]:22",
    "tcp://localhost:22",
    "tcp://localhost.:22",
    "tcp://api.localhost:22",
    "tcp://nas.example:22",
    "tcp://169.254.169.254:80",
    "tcp://[fe80::1]:80",
    "tcp://[fe80::1%eth0]:80",
    "tcp://127.1.2.3:22",
    "tcp://[::ffff:127.0.0.1]:22",
    "tcp://[0:0:0:0:0:0:0:1]:22",
    "tcp://0.0.0.0:22",
    "tcp://[::]:22",
    "tcp://[ff02::1]:22",
    "tcp://255.255.255.255:22",
    "tcp://*:1",
    "tcp://192.0.2.7:0",
    "dht://x",
    "nonsense",
    "tcp://",
  ];
  assert.deepEqual(learnedAddresses({ ...seen, address: "tcp://198.51.100.9:50123", listen }), none);
  assert.deepEqual(learnedAddresses({ ...seen, address: "tcp://127.0.0.1:50123", listen: ["tcp://127.0.0.1:4747"] }), [
    "tcp://127.0.0.1:4747",
  ]);
  assert.deepEqual(learnedAddresses({ ...seen, address: "tcp://[fe80::9%eth0]:50123", listen: ["tcp://169.254.1.2:4747"] }), [
    "tcp://169.254.1.2:4747",
    "tcp://[fe80::9%eth0]:4747",
  ]);
});

test("no more addresses are kept than are tried", () => {
  const listen = Array.from({ length: 40 }, (_, at) => `memory://${at}`);
  assert.equal(
    learnedAddresses({ address: "memory://x", dialled: true, listen, known: none, schemes }).length,
    LIMITS.dialAddresses,
  );
});

test("the wait before dialling again doubles up to its bound, and half of it is random", () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((failures) => backOffMs(failures, 200, 30_000, 0)),
    [100, 200, 400, 800],
  );
  assert.equal(backOffMs(0, 200, 30_000, 0.5), 150);
  assert.equal(backOffMs(1000, 200, 30_000, 0.999999), 30_000);
});
