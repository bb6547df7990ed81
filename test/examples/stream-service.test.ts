// The log collector, as functions over a pair in this process, and as programs beside daemons.

import assert from "node:assert/strict";
import { test } from "node:test";

import { collect, send } from "../../examples/stream-service.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { leakCheck } from "../../src/testing/leak-check.ts";
import { openPeerPair } from "../../src/testing/peer-pair.ts";
import { Lines } from "./lines.ts";
import { openStage } from "./stage.ts";

async function* lines(...all: readonly string[]): AsyncGenerator<string> {
  yield* all;
}

test("lines come whole, shown as one line each whatever they say, and are counted", async () => {
  const leaks = leakCheck();
  {
    await using pair = await openPeerPair();
    const shown = new Lines();
    await using _ = await collect(pair.desk, shown.push);
    const peer = pair.laptop.peer("desk");
    const long = "é".repeat(300_000);
    assert.equal(await send(peer, lines("first", "", "\u001b[2J\u202e")), 3);
    assert.equal(await send(peer, lines()), 0);
    const pieces = await send(peer, lines(long));
    shown.end();
    const [first, empty, hostile, ...rest] = await Array.fromAsync(shown);
    assert.deepEqual([first, empty, hostile], ["laptop: first", "laptop: ", "laptop: \\u{1b}[2J\\u{202e}"]);
    assert.equal(rest.length, pieces);
    assert.equal(rest.map((line) => line.slice("laptop: ".length)).join(""), long);

    await using stream = await peer.open("log");
    await stream.write(Buffer.from("not a whole line"));
    await pair.cut();
    assert.equal((await stream.closed)?.code, "closed");
    await pair.mend();
    assert.equal(await send(peer, lines("again")), 1);
  }
  await leaks();
});

test("as programs; the collector ends with the daemon, and says why", async () => {
  const leaks = leakCheck();
  {
    await using stage = await openStage("laptop", "desk");
    await using collector = await stage.run("desk", "stream-service.ts", "collect");
    assert.equal(await collector.shown.next(), "collecting");
    await using sender = await stage.run("laptop", "stream-service.ts", "send", "desk");
    sender.type("disk full");
    assert.equal(await collector.shown.next(), "laptop: disk full");
    sender.type("and more");
    assert.deepEqual(await sender.ended(), ["2 lines shown"]);
    assert.equal(await collector.shown.next(), "laptop: and more");
    collector.child.kill("SIGINT");
    assert.deepEqual(await collector.ended(), []);
    await using refused = await stage.run("laptop", "stream-service.ts", "send", "desk");
    assert.match(await refused.failed(), /takes no stream of that name/);

    await using second = await stage.run("desk", "stream-service.ts", "collect");
    assert.equal(await second.shown.next(), "collecting");
    await stopDaemon({ home: (await stage.peers[1]!.status()).home });
    assert.match(await second.failed(), /the daemon stops/);
  }
  await leaks();
});
