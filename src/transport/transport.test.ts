// One suite for every transport: it is held to the contract, not to its own ideas.

import assert from "node:assert/strict";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { describe, test } from "node:test";

import { CoveyError } from "../core/errors.ts";
import { createMemoryTransport } from "./memory.ts";
import { tcpTransport } from "./tcp.ts";
import type { Connection, Transport } from "./transport.ts";

const never = new AbortController().signal;
const isCode = (code: string) => (error: unknown) => error instanceof CoveyError && error.code === code;

async function connected(
  transport: Transport,
  address: string,
): Promise<{ near: Connection; far: Connection; close(): Promise<void> }> {
  const { promise, resolve } = Promise.withResolvers<Connection>();
  const listener = await transport.listen(address, resolve);
  const near = await transport.dial(listener.addresses()[0]!, never);
  const far = await promise;
  return {
    near,
    far,
    async close() {
      near.duplex.destroy();
      far.duplex.destroy();
      await listener.close();
    },
  };
}

const suites: readonly (readonly [name: string, transport: Transport, address: string, dead: string])[] = [
  ["tcp over IPv4", tcpTransport, "tcp://127.0.0.1:0", "tcp://127.0.0.1:1"],
  ["tcp over IPv6", tcpTransport, "tcp://[::1]:0", "tcp://[::1]:1"],
  ["memory", createMemoryTransport(), "memory://*", "memory://nobody"],
];

for (const [name, transport, address, dead] of suites) {
  describe(name, () => {
    test("carries bytes both ways, and an end is an end", async () => {
      const pair = await connected(transport, address);
      const sent = Buffer.alloc(3_000_000, "covey ");
      const arrived = Promise.all([buffer(pair.near.duplex), buffer(pair.far.duplex)]);
      pair.near.duplex.end(sent);
      pair.far.duplex.end(sent.subarray(1));
      const [atNear, atFar] = await arrived;
      assert.ok(atFar.equals(sent) && atNear.equals(sent.subarray(1)));
      await pair.close();
    });

    test("holds back who writes when nobody reads", async () => {
      const pair = await connected(transport, address);
      pair.far.duplex.pause();
      let written = 0;
      while (written < 64 * 1024 * 1024 && pair.near.duplex.write(Buffer.alloc(256 * 1024))) written += 256 * 1024;
      assert.ok(written < 64 * 1024 * 1024);
      await pair.close();
    });

    test("destroying one side is seen by the other", async () => {
      const pair = await connected(transport, address);
      pair.far.duplex.resume();
      const over = new Promise((resolve) => pair.far.duplex.once("close", resolve));
      pair.near.duplex.destroy();
      await over;
      await pair.close();
    });

    test("nobody there is unreachable; an aborted dial throws the signal's reason", async () => {
      await assert.rejects(transport.dial(dead, never), isCode("unreachable"));
      const reason = new Error("enough");
      await assert.rejects(transport.dial(dead, AbortSignal.abort(reason)), reason);
    });

    test("an address is taken once, and free again after close", async () => {
      const first = await transport.listen(address, () => {});
      const [taken] = first.addresses();
      await assert.rejects(
        transport.listen(taken!, () => {}),
        isCode("conflict"),
      );
      await first.close();
      const second = await transport.listen(taken!, () => {});
      assert.deepEqual(second.addresses(), [taken]);
      await second.close();
    });

    test("closing a listener leaves its connections open", async () => {
      const { promise, resolve } = Promise.withResolvers<Connection>();
      const listener = await transport.listen(address, resolve);
      const near = await transport.dial(listener.addresses()[0]!, never);
      const far = await promise;
      await listener.close();
      near.duplex.end("still here");
      assert.equal((await buffer(far.duplex)).toString(), "still here");
      near.duplex.destroy();
      far.duplex.destroy();
    });
  });
}

test("tcp://* listens on both families, and port 0 becomes a real one", async () => {
  const seen: string[] = [];
  const listener = await tcpTransport.listen("tcp://*:0", ({ duplex, address, group }) => {
    seen.push(`${address.replace(/:\d+$/, "")} ${group}`);
    duplex.destroy();
  });
  const port = Number(/:(\d+)$/.exec(listener.addresses()[0]!)![1]);
  assert.ok(port > 0);
  for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
    const { duplex } = await tcpTransport.dial(`tcp://${host}:${port}`, never);
    duplex.resume();
    await once(duplex, "close");
  }
  assert.deepEqual(seen.slice(0, 2), ["tcp://127.0.0.1 127.0.0.1", "tcp://[::1] ::/64"]);
  await listener.close();
});

test("what can only be listened on is not dialled", async () => {
  await assert.rejects(tcpTransport.dial("tcp://*:4747", never), isCode("bad-argument"));
  await assert.rejects(tcpTransport.dial("tcp://127.0.0.1:0", never), isCode("bad-argument"));
});
