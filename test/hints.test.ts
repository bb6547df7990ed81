// What goes wrong by what a program or a person does says what to do next. Each row does it, through the public interface alone.

import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as v from "valibot";

import { ERROR_KINDS, errorFromJson } from "../src/core/errors.ts";
import { connect, type Covey, CoveyError, type ErrorCode, open, plain, type PeerHandle, type TransferJob } from "../src/index.ts";
import { openPeerPair, type PeerPair } from "../src/testing/index.ts";

let pair: PeerPair;
let me: Covey;
let you: Covey;
let desk: PeerHandle;
let folder: string;
let file: string;
let job: TransferJob;
const ends = new AsyncDisposableStack();

before(async () => {
  pair = ends.use(await openPeerPair());
  ({ laptop: me, desk: you, folder } = pair);
  desk = me.peer("desk");
  file = join(folder, "file");
  await writeFile(file, "x");
  await me.data().set("taken", 1);
  ends.use(await me.handle("taken", {}, async () => {}));
  await you.peer("laptop").share(folder, { name: "shared" });
  job = await desk.send(file);
  for await (const _ of you.incoming()) break;
  for (let tries = 0; (await desk.shares()).length === 0; tries++) {
    assert.ok(tries < 500, "the share never came");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
after(() => ends.disposeAsync());

const first = async (items: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of items) return;
};
const nested = (levels: number): never => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as never;
const alone = (name: string, options = {}) => open({ home: join(folder, name), name, listen: [], ...options });

type Rows = readonly (readonly [what: string, code: ErrorCode, run: () => unknown])[];

const PEERS: Rows = [
  ["a name that is nearly right", "not-found", () => me.peer("dsk").show()],
  ["a name that is not", "not-found", () => me.peer("zzzzzz").message("x")],
  ["no name", "not-found", () => me.peer("").data().get("x")],
  ["a new name that can't be one", "bad-argument", () => desk.rename("../x")],
  ["an empty message", "bad-argument", () => desk.message("")],
  ["a long message", "limit", () => desk.message("x".repeat(70_000))],
  ["no messages at all", "bad-argument", () => desk.messages({ limit: 0 })],
  ["a wrong ticket", "ticket-invalid", () => me.join("hello")],
  ["a mistyped ticket", "ticket-invalid", () => me.join("covey1nonsense")],
  ["an own ticket", "bad-argument", async () => me.join((await me.invite()).ticket)],
  [
    "a withdrawn ticket",
    "ticket-invalid",
    async () => {
      const invitation = await me.invite();
      await invitation[Symbol.asyncDispose]();
      await you.join(invitation.ticket);
    },
  ],
  ["a ticket for no time", "bad-argument", () => me.invite({ ttlMs: 0 })],
  ["a ticket for ever", "bad-argument", () => me.invite({ ttlMs: 1e12 })],
];

const DATA: Rows = [
  ["no key", "bad-argument", () => me.data().get("")],
  ["an empty part", "bad-argument", () => me.data().get("a//b")],
  ["a long part", "limit", () => me.data().get("a".repeat(300))],
  ["a NUL", "bad-argument", () => me.data().get("a\0")],
  ["a value that JSON can't say", "bad-argument", () => me.data().set("a", Number.NaN)],
  ["a deep value", "limit", () => me.data().set("a", nested(100))],
  ["a large value", "limit", () => me.data().set("a", "x".repeat(70_000))],
  ["too many values", "limit", () => me.data().setMany(Array.from({ length: 10_001 }, (_, n) => ({ key: `${n}`, value: n })))],
  ["a key that is taken", "conflict", () => me.data().set("taken", 1, { ifVersion: null })],
  ["another version", "conflict", () => me.data().remove("taken", { ifVersion: "x" })],
  ["a value that does not fit", "bad-argument", () => me.data("a", { schema: v.number() }).set("a", "1" as never)],
  ["no schema", "bad-argument", () => me.data("a", { schema: {} as never })],
  ["no cursor", "bad-argument", () => first(me.data().watch("", { after: { store: "x" as never, seq: 0 } }))],
];

const FILES: Rows = [
  ["a relative path", "bad-argument", () => desk.send("file")],
  ["a file that is not there", "not-found", () => desk.send(join(folder, "nothing"))],
  ["nothing to send", "bad-argument", () => desk.send([])],
  ["a device", "bad-argument", () => desk.send("/dev/null")],
  ["an offer that is not there", "not-found", () => me.accept("999", { into: folder })],
  ["an own offer", "bad-argument", () => me.accept(job.offer.id, { into: folder })],
  ["a directory that is not there", "bad-argument", () => you.accept(job.offer.id, { into: join(folder, "nothing") })],
  ["a file for a directory", "bad-argument", () => you.accept(job.offer.id, { into: file })],
  ["an own offer to decline", "bad-argument", () => me.decline(job.offer.id)],
  ["an offer that is not there to cancel", "not-found", () => me.cancel("999")],
  ["an offer that is not there to pause", "not-found", () => me.pause("999")],
  ["an offer that is not there to watch", "not-found", () => first(me.watchTransfer("999"))],
  ["bytes that are none", "bad-argument", () => desk.sendBytes(["x" as never], { name: "x" })],
  ["bytes without a name", "bad-argument", () => desk.sendBytes([], { name: "" })],
  [
    "a policy without a directory",
    "bad-argument",
    () => desk.allow({ offers: "take", into: join(folder, "nothing"), upToBytes: undefined }),
  ],
];

const SHARES: Rows = [
  ["a relative share", "bad-argument", () => desk.share("file")],
  ["a share of nothing", "not-found", () => desk.share(join(folder, "nothing"))],
  ["a share of a device", "bad-argument", () => desk.share("/dev/null")],
  ["a share with a slash", "bad-argument", () => desk.share(folder, { name: "a/b" })],
  ["a share that is not there", "not-found", () => desk.unshare("nothing")],
  ["a list of nothing", "not-found", () => first(desk.list("nothing"))],
  ["a list of nothing in a share", "not-found", () => first(desk.list("shared/nothing"))],
  ["a list outside", "bad-argument", () => first(desk.list("shared/../x"))],
  ["a fetch of nothing", "not-found", () => desk.get("nothing", { into: folder })],
  ["a fetch of nothing in a share", "not-found", () => desk.get("shared/nothing", { into: folder })],
  ["a fetch to nowhere", "bad-argument", () => desk.get("shared/file", { into: join(folder, "nothing") })],
  ["a read of nothing", "not-found", () => first(desk.read("shared/nothing"))],
  ["a read of a directory", "bad-argument", () => first(desk.read("shared"))],
];

const STREAMS: Rows = [
  ["a stream that nobody takes", "refused", () => desk.open("nothing")],
  ["a stream without a name", "bad-argument", () => desk.open("")],
  ["a name that is taken already", "conflict", () => me.handle("taken", {}, async () => {})],
  ["streams from a stranger", "not-found", () => me.handle("x", { from: ["nobody"] }, async () => {})],
];

const SERVE: Rows = [
  ["files of a relative path", "bad-argument", () => me.serve({ directory: "files" })],
  ["files of nothing", "not-found", () => me.serve({ directory: join(folder, "nothing") })],
  ["a file for a directory to serve", "bad-argument", () => me.serve({ directory: file })],
  ["files and a greeting", "conflict", () => me.serve({ directory: folder, greeting: "Hello" })],
  ["an end without a greeting", "bad-argument", () => me.serve({ close: true })],
  ["a list of a stranger", "not-found", () => me.serve({ list: { peer: "nobody", key: "todo" } })],
  ["nothing to serve", "bad-argument", () => me.serve({})],
  ["a port that is no address", "bad-argument", () => me.serve({ directory: folder, listen: "xyz" })],
  [
    "a port that is taken",
    "conflict",
    async () => {
      await using one = await me.serve({ reply: "x", listen: "tcp://127.0.0.1:0" });
      await me.serve({ reply: "x", listen: one.serving.address! });
    },
  ],
  ["a serving that is not there", "not-found", () => me.unserve("999")],
  ["a guest who is not there", "not-found", () => me.tellGuest("guest-999", "hi")],
];

/** Nothing of covey's listens there. */
const NOBODY = "127.0.0.1:9";

const PLAIN: Rows = [
  ["a plain program that is not there", "unreachable", () => plain.message(`tcp://${NOBODY}`, "hi")],
  ["a server that is not there", "unreachable", () => plain.download(`http://${NOBODY}/a`, { into: folder })],
  ["a conversation with nobody", "unreachable", () => plain.connect(`tcp://${NOBODY}`)],
  ["a URL without a port", "bad-argument", () => plain.connect("tcp://127.0.0.1")],
  ["an address to listen on", "bad-argument", () => plain.getList("tcp://*:1")],
  ["a URL that is encrypted", "bad-argument", () => first(plain.read("https://127.0.0.1/"))],
  ["a URL of no file", "bad-argument", () => plain.download("nonsense", { into: folder })],
  ["a download to nowhere", "bad-argument", () => plain.download(`http://${NOBODY}/a`, { into: join(folder, "no such") })],
  ["a message of nothing", "bad-argument", () => plain.message(`tcp://${NOBODY}`, "")],
  ["a message that would be cut", "limit", () => plain.message(`tcp://${NOBODY}`, "x".repeat(1025))],
  ["a value with a comma", "bad-argument", () => plain.setList(`tcp://${NOBODY}`, ["a,b"])],
  ["a port to listen at that is none", "bad-argument", () => plain.listen("xyz")],
];

const HOMES: Rows = [
  ["a daemon that is down", "daemon-down", () => connect({ home: join(folder, "nobody") })],
  [
    "a home that is busy",
    "home-busy",
    async () => {
      await using _ = await alone("busy");
      await alone("busy");
    },
  ],
  [
    "a home that is open to all",
    "home-unsafe",
    async () => {
      await mkdir(join(folder, "unsafe"));
      await chmod(join(folder, "unsafe"), 0o777);
      await alone("unsafe");
    },
  ],
  ["no home", "bad-argument", () => open({ home: "", listen: [] })],
  ["an address that is none", "bad-argument", () => alone("nowhere", { listen: ["xyz"] })],
  [
    "an address that is taken",
    "conflict",
    async () => {
      await using one = await alone("one", { listen: ["tcp://127.0.0.1:0"] });
      await alone("two", { listen: (await one.status()).addresses });
    },
  ],
  ["a name that can't be one", "bad-argument", () => open({ home: join(folder, "x"), name: "../x", listen: [] })],
];

/** These change what the others need: in this order, at the end. */
const ENDS: Rows = [
  [
    "a peer that is away",
    "unreachable",
    async () => {
      await pair.cut();
      await desk.open("x");
    },
  ],
  ["a list of a peer that is away", "unreachable", () => first(desk.list("shared"))],
  ["a fetch from a peer that is away", "unreachable", () => desk.get("shared/file", { into: folder })],
  [
    "an offer that is declined",
    "declined",
    async () => {
      await pair.mend();
      await you.decline(job.offer.id);
      await job.done;
    },
  ],
  ["an offer that was decided on", "conflict", () => you.accept(job.offer.id, { into: folder })],
  ["a transfer that is over", "conflict", () => me.pause(job.offer.id)],
  [
    "a peer that was removed",
    "not-paired",
    async () => {
      const waiting = await desk.send(file);
      await desk.remove();
      await waiting.done;
    },
  ],
  [
    "a peer that was closed",
    "closed",
    async () => {
      await me.close();
      await me.status();
    },
  ],
];

for (const [what, code, run] of [...PEERS, ...DATA, ...FILES, ...SHARES, ...STREAMS, ...SERVE, ...HOMES, ...PLAIN, ...ENDS]) {
  test(`${what}: ${code}, and what to do`, async () => {
    const error = await Promise.resolve()
      .then(run)
      .then(
        () => assert.fail("it went well"),
        (thrown: unknown) => thrown,
      );
    assert.ok(error instanceof CoveyError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.hint ?? "", /^[\p{L}`"].{8,}/u, error.message);
    assert.doesNotMatch(error.message, /[.!]$|^[A-Z][a-z]/, "a message is no sentence of its own");
    assert.equal(error.retryable, ERROR_KINDS[code].retryable);
    assert.deepEqual(errorFromJson(JSON.parse(JSON.stringify(error)) as object).toJSON(), error.toJSON());
  });
}
