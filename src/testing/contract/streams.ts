// Streams between programs, and files as bytes.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";

import { eventually, fails, type ContractPair } from "./kit.ts";

export function streamsContract(pair: ContractPair): void {
  it("opens a stream to what takes it, both ways, each end by itself", async () => {
    const sent = randomBytes(3_000_001);
    const names: string[] = [];
    await using _ = await pair.you.handle("reverse", { from: [pair.you.peer("laptop")] }, async (stream, { peer }) => {
      names.push(peer);
      await stream.write((await bytesOf(stream)).reverse());
    });
    await using stream = await pair.me.peer("desk").open("reverse");
    await stream.write(sent);
    await stream.end();
    assert.deepEqual(await bytesOf(stream), Buffer.from(sent).reverse());
    assert.equal(await stream.read(), null);
    assert.equal(await stream.closed, undefined);
    assert.deepEqual(names, ["laptop"]);
  });

  it("cuts a stream that is disposed of before both have ended, and one whose handler fails", async () => {
    const cut = Promise.withResolvers<unknown>();
    await using _ = await pair.you.handle("cut", {}, async (stream) => {
      await stream.write(Buffer.from("ready"));
      cut.resolve((await stream.closed)?.code);
    });
    {
      await using stream = await pair.me.peer("desk").open("cut");
      await stream.read();
    }
    assert.equal(await cut.promise, "closed");

    await using __ = await pair.you.handle("fail", {}, async (stream) => {
      await stream.read();
      throw new Error("a fault of the handler's");
    });
    await using failed = await pair.me.peer("desk").open("fail");
    await failed.write(Buffer.from("go"));
    await assert.rejects(bytesOf(failed), fails("closed"));
    assert.equal((await failed.closed)?.code, "closed");
  });

  it("refuses streams that nobody takes, or not from this peer, and names that can't be", async () => {
    await using _ = await pair.you.handle("for nobody", { from: [] }, async () => {});
    await using __ = await pair.you.handle("for all", {}, async () => {});
    assert.deepEqual((await pair.you.peer("laptop").access()).streams, ["for all"]);
    for (const name of ["nothing", "for nobody"]) await assert.rejects(pair.me.peer("desk").open(name), fails("refused"));
    await assert.rejects(pair.me.peer("desk").open("a\nb"), fails("bad-argument"));
    await assert.rejects(pair.me.peer("nobody").open("x"), fails("not-found"));
    const nothing = async (): Promise<void> => {};
    await assert.rejects(pair.you.handle("", {}, nothing), fails("bad-argument"));
    await assert.rejects(pair.you.handle("x", { from: ["nobody"] }, nothing), fails("not-found"));
    await assert.rejects(pair.you.handle("for nobody", {}, nothing), fails("conflict"));
    const reason = new Error("changed my mind");
    await assert.rejects(pair.me.peer("desk").open("x", { signal: AbortSignal.abort(reason) }), reason);
    await assert.rejects(pair.you.handle("x", { signal: AbortSignal.abort(reason) }, nothing), reason);
  });

  it("takes streams until the registration is disposed of or its signal aborts", async () => {
    const first = await pair.you.handle("while", {}, async () => {});
    await first[Symbol.asyncDispose]();
    assert.equal(await first.closed, undefined);
    const enough = new AbortController();
    const second = await pair.you.handle("while", { signal: enough.signal }, async () => {});
    enough.abort(new Error("enough"));
    assert.equal(await second.closed, undefined);
    await assert.rejects(pair.me.peer("desk").open("while"), fails("refused"));
  });

  it("sends bytes that are no file", async () => {
    const content = randomBytes(2_000_003);
    const into = join(pair.directory, "taken bytes");
    await mkdir(into);
    await using job = await pair.me.peer("desk").sendBytes(parts(content), { name: "noise.bin" });
    assert.deepEqual([job.offer.name, job.offer.size, job.offer.direction], ["noise.bin", content.length, "out"]);
    await eventually(async () => (await pair.you.inbox()).offers.some(({ id }) => id === job.offer.id));
    await pair.you.accept(job.offer.id, { into });
    await job.done;
    assert.deepEqual(await readFile(join(into, "noise.bin")), content);
  });

  it("offers nothing of bytes that did not end", async () => {
    const before = (await pair.me.transfers()).length;
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("some");
      throw new Error("the source failed");
    };
    await assert.rejects(pair.me.peer("desk").sendBytes(failing(), { name: "x" }), /the source failed/);
    const reason = new Error("changed my mind");
    const enough = new AbortController();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("some");
      enough.abort(reason);
      await new Promise(() => {});
    };
    await assert.rejects(pair.me.peer("desk").sendBytes(endless(), { name: "x", signal: enough.signal }), reason);
    await assert.rejects(pair.me.peer("desk").sendBytes([], { name: "a/b" }), fails("bad-argument"));
    assert.equal((await pair.me.transfers()).length, before);
  });

  it("reads one file of a peer's shares as bytes", async () => {
    const content = randomBytes(2_500_001);
    const path = join(pair.directory, "shared.bin");
    await writeFile(path, content);
    await pair.you.peer("laptop").share(path);
    await eventually(async () => (await pair.me.peer("desk").shares()).some(({ name }) => name === "shared.bin"));
    assert.deepEqual(await bytesOf(pair.me.peer("desk").read("shared.bin")), content);
    // Leaving it early ends it.
    for await (const _ of pair.me.peer("desk").read("shared.bin")) break;
    await assert.rejects(bytesOf(pair.me.peer("desk").read("nothing")), fails("not-found"));
    const reason = new Error("changed my mind");
    await assert.rejects(bytesOf(pair.me.peer("desk").read("shared.bin", { signal: AbortSignal.abort(reason) })), reason);
    await pair.you.peer("laptop").unshare("shared.bin");
  });
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of stream) all.push(chunk);
  return Buffer.concat(all);
}

function* parts(content: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < content.length; at += 99_991) yield content.subarray(at, at + 99_991);
}
