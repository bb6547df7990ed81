import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";

import { addressOf, isOurHost, urlsOf } from "./hosts.ts";

test("a browser may name this device by its names, loopback, and the address that it came to", () => {
  const ours = ["localhost", "LocalHost", "127.0.0.1", "[::1]", "192.0.2.7", "laptop", "LAPTOP.local", "laptop.example.org"];
  for (const host of ours) assert.ok(isOurHost(host, "::ffff:192.0.2.7", "Laptop.example.org"), host);
  assert.ok(isOurHost("[2001:db8::1]", "2001:db8:0::1", "laptop"));
  assert.ok(isOurHost("[2001:DB8::1]", "2001:db8::1", "laptop"));
});

test("and by nothing else", () => {
  const others = [
    ...["", "attacker.example", "localhost.attacker.example", "laptop.attacker.example", "127.0.0.2", "192.0.2.8", "0.0.0.0"],
    ...["127.0.0.1.", "localhost.", "127.1", "2130706433", "0x7f000001", "::1", "[127.0.0.1]", "[::]", "[::ffff:192.0.2.8]"],
    ...["[::1", "laptop:80", "user@laptop", "laptop.local.", ".local", "[2001:db8::1%eth0]"],
  ];
  for (const host of others) assert.ok(!isOurHost(host, "192.0.2.7", "laptop"), host);
  assert.ok(!isOurHost("", "192.0.2.7", ""));
  assert.ok(!isOurHost(".local", "192.0.2.7", ""));
});

const at = (address: string, family: "IPv4" | "IPv6", internal = false): NetworkInterfaceInfo => ({
  address,
  family,
  internal,
  netmask: "",
  mac: "",
  cidr: null,
  scopeid: 0,
});

const INTERFACES = {
  lo: [at("127.0.0.1", "IPv4", true), at("::1", "IPv6", true)],
  docker0: [at("172.17.0.1", "IPv4")],
  eth0: [at("2001:db8::7", "IPv6"), at("192.0.2.7", "IPv4"), at("fe80::7", "IPv6")],
};

test("the URL that others are most likely to reach comes first, this device's own last", () => {
  const everywhere = { address: "::", family: "IPv6", port: 8000 };
  assert.deepEqual(urlsOf(everywhere, "/", INTERFACES), [
    "http://192.0.2.7:8000/",
    "http://[2001:db8::7]:8000/",
    "http://172.17.0.1:8000/",
    "http://127.0.0.1:8000/",
  ]);
  assert.deepEqual(urlsOf({ ...everywhere, address: "0.0.0.0" }, "/secret/", { lo: INTERFACES.lo }), [
    "http://127.0.0.1:8000/secret/",
  ]);
  assert.deepEqual(urlsOf({ ...everywhere, address: "127.0.0.1" }, "/secret/", INTERFACES), ["http://127.0.0.1:8000/secret/"]);
  assert.deepEqual(urlsOf({ ...everywhere, address: "::1" }, "/", INTERFACES), ["http://[::1]:8000/"]);
  assert.deepEqual(urlsOf({ ...everywhere, address: "::1" }, undefined, INTERFACES), ["tcp://[::1]:8000"]);
  assert.equal(urlsOf(everywhere, undefined, INTERFACES)[0], "tcp://192.0.2.7:8000");
});

test("an address to listen on again is of the same reach", () => {
  assert.equal(addressOf({ address: "::", family: "IPv6", port: 1 }), "tcp://*:1");
  assert.equal(addressOf({ address: "127.0.0.1", family: "IPv4", port: 1 }), "tcp://127.0.0.1:1");
  assert.equal(addressOf({ address: "::1", family: "IPv6", port: 1 }), "tcp://[::1]:1");
});
