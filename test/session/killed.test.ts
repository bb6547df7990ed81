// A peer that is killed with SIGKILL amid what it says: whoever waits gets an error, never an end and never half of an answer.

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { CoveyError } from "../../src/core/errors.ts";
import type { Session } from "../../src/session/contract.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openSessionPeer, pairPeers, type SessionPeer } from "../../src/testing/session-peer.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";
import type { ChildTask, Mode } from "./killed-child.ts";

const isClosed = (error: unknown) => error instanceof CoveyError && error.code === "closed" && error.retryable;

let host: SessionPeer;
let absent: SessionPeer;
let check: () => Promise<void>;

before(async () => {
  check = leakCheck();
  [host, absent] = await Promise.all([
    openSessionPeer({ transport: tcpTransport, listen: ["tcp://127.0.0.1:0"] }),
    openSessionPeer({ transport: tcpTransport, listen: [] }),
  ]);
  await host.sessions.start();
  await pairPeers(host, absent);
});
after(async () => {
  await Promise.all([host.close(), absent.close()]);
  await check();
});

/** The child's session with the host, and the means to kill it once it has said what it says. */
async function meet(mode: Mode): Promise<{ session: Session; child: ChildProcess; kill(): Promise<void> }> {
  const child = fork(new URL("killed-child.ts", import.meta.url), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const { peerId, keyPem, certificatePem } = absent.identity;
  const up = new Promise<Session>((resolve) => {
    const end = host.sessions.subscribe((event) => {
      if (event.type !== "up") return;
      resolve(event.session);
      queueMicrotask(() => end());
    });
  });
  const said = once(child, "message");
  const task: ChildTask = {
    host: host.identity.peerId,
    address: host.sessions.addresses()[0]!,
    identity: { peerId, keyPem, certificatePem },
    mode,
  };
  child.send(task);
  return {
    session: await up,
    child,
    async kill() {
      await said;
      const exit = once(child, "exit");
      child.send("now");
      assert.deepEqual(await exit, [null, "SIGKILL"]);
    },
  };
}

test("before it answers", async () => {
  const { session, kill } = await meet("mid-request");
  const asked = assert.rejects(session.request("test/any", null), isClosed);
  await kill();
  await asked;
  assert.ok(isClosed(await session.closed), "the session ended with an error, not with a goodbye");
});

test("amid its answer", async () => {
  const { session, kill } = await meet("mid-answer");
  const asked = assert.rejects(session.request("test/any", null), isClosed);
  await kill();
  await asked;
});

test("amid the bytes of a stream: all that arrived is handed out, and then there is an error", async () => {
  const { session, kill } = await meet("mid-stream");
  const { value, stream } = await session.open("test/any", null);
  assert.equal(value, "bytes follow");
  let bytes = 0;
  const reading = (async () => {
    for (let chunk; (chunk = await stream.read()) !== null;) bytes += chunk.length;
  })();
  const cut = assert.rejects(reading, isClosed);
  while (bytes < 100_000) await new Promise(setImmediate);
  await kill();
  await cut;
  assert.equal(bytes, 100_000);
  await assert.rejects(stream.write(Buffer.alloc(1)), isClosed);
});

test("amid its own request: nothing runs, and the host goes on", async () => {
  const { session, kill } = await meet("mid-push");
  await kill();
  assert.ok(isClosed(await session.closed));
  assert.equal(host.sessions.get(absent.identity.peerId), undefined);
});
