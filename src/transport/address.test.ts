import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CoveyError } from "../core/errors.ts";
import { formatTcpAddress, groupOf, parseTcpAddress, reachableHosts, schemeOf } from "./address.ts";

test("addresses are read and written alike", () => {
  for (const address of [
    "tcp://192.0.2.7:4747",
    "tcp://[2001:db8::1]:1",
    "tcp://*:0",
    "tcp://nas.example:65535",
    "tcp://[fe80::1%eth0]:9",
  ]) {
    assert.equal(formatTcpAddress(parseTcpAddress(address)), address);
  }
  assert.deepEqual(parseTcpAddress("tcp://NAS.Example:4747"), { host: "nas.example", port: 4747 });
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65535), (host, port) => {
      assert.deepEqual(parseTcpAddress(formatTcpAddress({ host, port })), { host: host.toLowerCase(), port });
    }),
  );
});

test("what is no address is refused as a mistake of its writer", () => {
  const wrong = [
    "",
    "tcp://",
    "tcp://a",
    "tcp://a:",
    "tcp://a:70000",
    "tcp://1.2.3:4",
    "tcp://999.1.1.1:4",
    "tcp://::1:4",
    "tcp://[1.2.3.4]:4",
    "tcp://a b:4",
    "tcp://-a:4",
    "udp://1.2.3.4:5",
    "tcp://1.2.3.4:5/x",
    "tcp://u@h:5",
    "TCP://h:5",
    "tcp://h:-1",
    "tcp://h:1e3",
    `tcp://${"a".repeat(400)}:4`,
  ];
  for (const address of wrong) {
    assert.throws(
      () => parseTcpAddress(address),
      (error) => error instanceof CoveyError && error.code === "bad-argument",
      address,
    );
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseTcpAddress(`tcp://${text}`);
      } catch (error) {
        assert.ok(error instanceof CoveyError && error.code === "bad-argument");
      }
    }),
  );
});

test("a scheme is what stands before ://", () => {
  assert.equal(schemeOf("memory://a"), "memory");
  assert.equal(schemeOf("nonsense"), undefined);
  assert.equal(schemeOf("Tcp://a"), undefined);
});

test("one host is one group: an IPv4 address, however written, or an IPv6 /64", () => {
  assert.equal(groupOf("192.0.2.7"), "192.0.2.7");
  assert.equal(groupOf("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(groupOf("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
  assert.equal(groupOf("2001:db8:1:2::"), groupOf("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  assert.notEqual(groupOf("2001:db8:1:2::1"), groupOf("2001:db8:1:3::1"));
  assert.equal(groupOf("fe80::1%eth0"), groupOf("fe80::2"));
  assert.equal(groupOf("::1"), "::/64");
});

const info = (address: string, internal = false) =>
  ({ address, internal, family: address.includes(":") ? "IPv6" : "IPv4", netmask: "", mac: "", cidr: null, scopeid: 0 }) as never;

test("of a listener on everything, others are told what they can reach", () => {
  const interfaces = {
    lo: [info("127.0.0.1", true), info("::1", true)],
    docker0: [info("172.17.0.1")],
    eth0: [info("fe80::1"), info("2001:db8::7"), info("fd00::7"), info("192.0.2.7"), info("169.254.3.4")],
  };
  assert.deepEqual(reachableHosts("::", interfaces), ["192.0.2.7", "2001:db8::7", "fd00::7", "172.17.0.1"]);
  assert.deepEqual(reachableHosts("0.0.0.0", interfaces), ["192.0.2.7", "172.17.0.1"]);
  assert.deepEqual(reachableHosts("::", { lo: interfaces.lo }), ["127.0.0.1"]);
  assert.deepEqual(reachableHosts("127.0.0.1", interfaces), ["127.0.0.1"]);
  assert.deepEqual(reachableHosts("::1", interfaces), ["::1"]);
});
