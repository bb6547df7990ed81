import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { systemClock } from "../../src/core/clock.ts";
import { silentLog } from "../../src/core/log.ts";
import { openHome } from "../../src/identity/home.ts";
import { loadIdentity } from "../../src/identity/key.ts";
import { openPeerBook } from "../../src/identity/peer-book.ts";
import { createPairing } from "../../src/services/pairing/pairing.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";
import { type PairingPeer, pairingPeers, secretsOf } from "./peers.ts";

const signal = new AbortController().signal;

/** Puts a directory where the book has its file, so that no change can be written. */
async function breakBook(peer: PairingPeer): Promise<() => Promise<void>> {
  const { peers } = peer.home;
  await rm(peers, { force: true });
  await mkdir(join(peers, "in the way"), { recursive: true });
  return () => rm(peers, { recursive: true });
}

test("a joiner that is cut off after the inviter's book was written tries again with the same ticket", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  const { ticket, id } = await anna.pairing.invite();
  const cut = new AbortController();
  const end = anna.book.subscribe(() => cut.abort(new Error("cut off")));
  await assert.rejects(bert.pairing.join(ticket, { signal: cut.signal }), { message: "cut off" });
  end();
  assert.equal((await anna.pairing.paired(id, signal)).peerId, bert.identity.peerId);
  assert.deepEqual(bert.book.list(), []);

  await bert.pairing.join(ticket, { signal });
  assert.deepEqual([anna.book.list().length, bert.book.list().length], [1, 1]);
  assert.equal(new Set(secretsOf(anna, bert)).size, 1);
  assert.ok((await bert.sessions.connect(anna.identity.peerId)).paired);
});

test("a joiner that can't write its book says so, and tries again", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert] = [await open({ name: "anna" }), await open({ name: "bert" })];
  const { ticket } = await anna.pairing.invite();
  const mend = await breakBook(bert);
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "io" });
  assert.deepEqual(bert.book.list(), []);
  await mend();
  await bert.pairing.join(ticket, { signal });
  assert.equal(new Set(secretsOf(anna, bert)).size, 1);
});

test("an inviter that can't write its book does not answer as if it had; the ticket stays with who came first", async (t) => {
  const open = pairingPeers(t);
  const [anna, bert, mallory] = [await open({ name: "anna" }), await open({ name: "bert" }), await open({ name: "mallory" })];
  const { ticket, id } = await anna.pairing.invite();
  const mend = await breakBook(anna);
  await assert.rejects(bert.pairing.join(ticket, { signal }), { code: "io" });
  assert.deepEqual([anna.book.list(), bert.book.list()], [[], []]);
  await assert.rejects(mallory.pairing.join(ticket, { signal }), { code: "ticket-invalid", message: /used by another/ });
  await mend();
  await bert.pairing.join(ticket, { signal });
  assert.equal((await anna.pairing.paired(id, signal)).name, "bert");
});

test(
  "a joiner killed at any moment ends up paired by the same ticket, and what it said was so",
  { timeout: 60_000 },
  async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "covey-pairing-"));
    const home = await openHome(join(dir, "anna"));
    const identity = await loadIdentity(home);
    const book = await openPeerBook(home);
    const needs = { identity, book, clock: systemClock, log: silentLog };
    const sessions = createSessions({
      ...needs,
      transports: [tcpTransport],
      listen: ["tcp://127.0.0.1:0"],
      storeId: () => "0".repeat(32) as never,
      welcomesStrangers: () => pairing.welcomesStrangers(),
    });
    const pairing = createPairing({ ...needs, sessions, deviceName: "anna" });
    await sessions.start();
    t.after(async () => {
      pairing.close();
      await sessions.close();
      await rm(dir, { recursive: true });
    });

    const joinElsewhere = async (name: string, ticket: string, whenReady: (kill: () => void) => void): Promise<string> => {
      const script = new URL("./joiner-process.ts", import.meta.url).pathname;
      const child = spawn(process.execPath, [script, join(dir, name), ticket], { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        if (text === "") whenReady(() => child.kill("SIGKILL"));
        text += chunk;
      });
      await once(child, "close");
      return text.slice("ready\n".length);
    };
    const kills: readonly ((kill: () => void) => void)[] = [
      // The inviter has written its book and not answered yet.
      (kill) => void book.subscribe(kill),
      ...[5, 25, 60].map((ms) => (kill: () => void) => void setTimeout(kill, ms)),
    ];
    for (const [round, killSomehow] of kills.entries()) {
      const name = `bert${round}`;
      const { ticket } = await pairing.invite();
      const told = await joinElsewhere(name, ticket, killSomehow);
      const joiners = await openPeerBook(await openHome(join(dir, name)));
      const { peerId } = await loadIdentity(await openHome(join(dir, name)));
      if (told !== "") assert.equal(joiners.secret(identity.peerId)?.toString("hex"), told);
      // Whoever has the other one in its book is in the other one's.
      if (joiners.byId(identity.peerId) !== undefined) assert.deepEqual(joiners.secret(identity.peerId), book.secret(peerId));

      const secret = await joinElsewhere(name, ticket, () => {});
      assert.equal(book.secret(peerId)?.toString("hex"), secret);
      assert.equal((await openPeerBook(await openHome(join(dir, name)))).secret(identity.peerId)?.toString("hex"), secret);
    }
  },
);
