// Every method that takes a signal, on both faces: with one that has aborted it rejects with the signal's own reason, and does nothing.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as v from "valibot";

import { startDaemon } from "../src/daemon/start.ts";
import { stopDaemon } from "../src/daemon/stop.ts";
import {
  type CallOptions,
  type Covey,
  connect,
  type DataHandle,
  open,
  type PeerHandle,
  type ServingHandle,
  type TransferJob,
} from "../src/index.ts";
import { leakCheck } from "../src/testing/leak-check.ts";

/** A call of each method of `Of` that does not merely return another handle. */
type Calls<Of, Besides extends PropertyKey = never> = {
  readonly [Name in Exclude<keyof Of, Besides | symbol>]: (
    of: Of,
    options: Required<CallOptions>,
  ) => Promise<unknown> | AsyncIterable<unknown>;
};

const file = import.meta.filename;
const into = tmpdir();

const COVEY: Calls<Covey, "peer" | "data" | "close"> = {
  status: (me, options) => me.status(options),
  invite: (me, options) => me.invite(options),
  join: (me, options) => me.join("covey1nonsense", options),
  peers: (me, options) => me.peers(options),
  inbox: (me, options) => me.inbox(options),
  shares: (me, options) => me.shares(options),
  incoming: (me, options) => me.incoming(options),
  accept: (me, options) => me.accept("1", { into, ...options }),
  decline: (me, options) => me.decline("1", options),
  cancel: (me, options) => me.cancel("1", options),
  pause: (me, options) => me.pause("1", options),
  resume: (me, options) => me.resume("1", options),
  transfers: (me, options) => me.transfers(options),
  handle: (me, options) => me.handle("echo", options, async () => {}),
  serve: (me, options) => me.serve({ reply: "ok", ...options }),
  servings: (me, options) => me.servings(options),
  unserve: (me, options) => me.unserve("1", options),
  tellGuest: (me, options) => me.tellGuest("guest-1", "hi", options),
  guestMessages: (me, options) => me.guestMessages(options),
  markGuestsRead: (me, options) => me.markGuestsRead([], options),
  watchTransfer: (me, options) => me.watchTransfer("1", options),
};

const PEER: Calls<PeerHandle, "name" | "data"> = {
  show: (peer, options) => peer.show(options),
  rename: (peer, options) => peer.rename("office", options),
  remove: (peer, options) => peer.remove(options),
  message: (peer, options) => peer.message("never", options),
  messages: (peer, options) => peer.messages(options),
  unread: (peer, options) => peer.unread(options),
  watchMessages: (peer, options) => peer.watchMessages(options),
  markRead: (peer, options) => peer.markRead(options),
  send: (peer, options) => peer.send(file, options),
  access: (peer, options) => peer.access(options),
  allow: (peer, options) => peer.allow({ offers: "refuse" }, options),
  share: (peer, options) => peer.share(file, options),
  unshare: (peer, options) => peer.unshare("x", options),
  shares: (peer, options) => peer.shares(options),
  watchShares: (peer, options) => peer.watchShares(options),
  list: (peer, options) => peer.list("x", options),
  get: (peer, options) => peer.get("x", { into, ...options }),
  read: (peer, options) => peer.read("x", options),
  sendBytes: (peer, options) => peer.sendBytes([Buffer.from("never")], { name: "never", ...options }),
  open: (peer, options) => peer.open("echo", options),
};

const DATA: Calls<DataHandle> = {
  get: (data, options) => data.get("k", options),
  set: (data, options) => data.set("k", 1, options),
  setMany: (data, options) => data.setMany([{ key: "k", value: 1 }], options),
  remove: (data, options) => data.remove("k", options),
  list: (data, options) => data.list("", options),
  conflicts: (data, options) => data.conflicts("", options),
  watch: (data, options) => data.watch("", options),
};

const JOB: Calls<TransferJob, "offer" | "done"> = {
  progress: (job, options) => job.progress(options),
};

const SERVING: Calls<ServingHandle, "serving"> = {
  events: (serving, options) => serving.events(options),
};

for (const face of ["open", "connect"] as const) {
  describe(face, () => {
    const leaks = leakCheck();
    const end = new AsyncDisposableStack();
    let me: Covey;
    let job: TransferJob;
    let serving: ServingHandle;
    const numbers = () => me.data("n", { schema: v.number() }) as unknown as DataHandle;

    before(async () => {
      const folder = await mkdtemp(join(tmpdir(), "covey-signals-"));
      end.defer(() => rm(folder, { recursive: true }));
      const home = join(folder, "laptop");
      const options = { name: "laptop", listen: ["tcp://127.0.0.1:0"], incoming: folder };
      if (face === "connect") {
        await startDaemon({ home, change: options });
        end.defer(async () => void (await stopDaemon({ home })));
      }
      me = end.use(face === "open" ? await open({ home, ...options }) : await connect({ home }));
      const desk = end.use(await open({ ...options, home: join(folder, "desk"), name: "desk" }));
      await using invitation = await me.invite({ as: "desk" });
      await desk.join(invitation.ticket);
      await invitation.done;
      await writeFile(join(folder, "file"), "x");
      job = end.use(await me.peer("desk").send(join(folder, "file")));
      serving = end.use(await me.serve({ reply: "ok", listen: "tcp://127.0.0.1:0" }));
    });

    after(async () => {
      await end.disposeAsync();
      await leaks();
    });

    const suites: readonly { readonly name: string; readonly of: () => unknown; readonly calls: object }[] = [
      { name: "Covey", of: () => me, calls: COVEY },
      { name: "PeerHandle", of: () => me.peer("desk"), calls: PEER },
      { name: "DataHandle", of: () => me.data(), calls: DATA },
      { name: "TypedDataHandle", of: numbers, calls: DATA },
      { name: "TransferJob", of: () => job, calls: JOB },
      { name: "ServingHandle", of: () => serving, calls: SERVING },
    ];

    for (const { name, of, calls } of suites) {
      test(`${name}: every method that there is, with a signal that has aborted`, async () => {
        const before = await stateOf(me);
        for (const [method, call] of Object.entries(calls as Calls<Record<string, unknown>>)) {
          const reason = new Error(`no ${method}`);
          await assert.rejects(
            settle(call(of() as never, { signal: AbortSignal.abort(reason) })),
            (error) => error === reason,
            method,
          );
        }
        assert.deepEqual(await stateOf(me), before);
      });
    }

    test("every stream of items, and an opening, with a signal that aborts later", async () => {
      const streams: Readonly<Record<string, (options: Required<CallOptions>) => AsyncIterable<unknown>>> = {
        incoming: (options) => me.incoming(options),
        watchTransfer: (options) => me.watchTransfer(job.offer.id, options),
        progress: (options) => job.progress(options),
        watchMessages: (options) => me.peer("desk").watchMessages(options),
        watch: (options) => me.data().watch("", options),
        typed: (options) => numbers().watch("", options),
        events: (options) => serving.events(options),
      };
      for (const [name, begin] of Object.entries(streams)) {
        const ending = new AbortController();
        const reason = new Error(`enough of ${name}`);
        const reading = assert.rejects(settle(begin(ending)), (error) => error === reason, name);
        await me.status();
        ending.abort(reason);
        await reading;
      }
    });

    test("what has been called without a signal goes on when others abort", async () => {
      const ending = new AbortController();
      const calls = [me.data().set("kept", 1), me.data().set("other", 1, ending)];
      ending.abort();
      const [item] = await Promise.allSettled(calls);
      assert.equal(item?.status, "fulfilled");
      assert.equal((await me.data().get("kept"))?.value, 1);
    });
  });
}

/** Resolves at the end, of a call or of a stream. */
const settle = async (running: Promise<unknown> | AsyncIterable<unknown>): Promise<unknown> =>
  Symbol.asyncIterator in running ? Array.fromAsync(running) : running;

/** What the calls would have changed. */
const stateOf = async (me: Covey) => ({
  peers: (await me.peers()).map(({ name }) => name),
  data: await me.data().list(),
  messages: await me.peer("desk").messages(),
  offers: (await me.transfers()).map(({ offer }) => [offer.id, offer.state]),
  access: await me.peer("desk").access(),
  servings: await me.servings(),
});
