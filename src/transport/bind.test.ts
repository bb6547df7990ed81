import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import { bind } from "./bind.ts";

const fails = (code: string, hint: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CoveyError && error.code === code, String(error));
  assert.match(error.hint!, hint);
  return true;
};

test("an address that is taken, or not this device's, is told as that; the server can be bound elsewhere then", async () => {
  const first = createServer();
  await bind(first, { host: "127.0.0.1", port: 0 });
  const { port } = first.address() as AddressInfo;
  const second = createServer();
  await assert.rejects(bind(second, { host: "127.0.0.1", port }), fails("conflict", /another port/));
  await assert.rejects(bind(second, { host: "203.0.113.77", port: 0 }), fails("bad-argument", /an address that this device has/));
  await bind(second, { host: "*", port: 0 });
  assert.equal(second.listenerCount("listening"), 0);
  first.close();
  second.close();
});

const SYSTEM_PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const systemPorts = (): boolean => {
  try {
    return Number(readFileSync(SYSTEM_PORTS, "utf8")) > 80;
  } catch {
    return true;
  }
};

test("a port that only the system may take", { skip: systemPorts() ? false : "here everybody may take port 80" }, async () => {
  const isRoot = process.geteuid!() === 0;
  const server = createServer();
  if (isRoot) process.seteuid!(65_534);
  try {
    await assert.rejects(bind(server, { host: "127.0.0.1", port: 80 }), fails("bad-argument", /Ports below 1024/));
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});
