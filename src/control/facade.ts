// Covey, built over something that invokes operations: one behaviour, whether the peer is in this process or in the daemon.
//
// What only streams need is loaded with the first one: a command starts sooner without it.

import { isAbsolute } from "node:path";

import { CoveyError, errorFromJson } from "../core/errors.ts";
import type { Stream } from "../session/contract.ts";
import type { CallOptions } from "./call-options.ts";
import type { Covey, NamedOffer, NamedTransfer, PairInvitation, PeerHandle, TransferJob } from "./covey.ts";
import type { Cursor } from "../space/contract.ts";
import { openData } from "./data/handle.ts";
import type { Invoke, Invoker } from "./invoker.ts";

export function createCovey(invoker: Invoker): Covey {
  const closing = new AbortController();
  const until = (signal: AbortSignal | undefined): AbortSignal =>
    signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
  const call: Invoke["call"] = (name, args, signal) => invoker.call(name, args, until(signal));
  const stream: Invoke["stream"] = (name, args, signal) => invoker.stream(name, args, until(signal));
  const streams = new Set<Stream>();
  const duplex: Invoke["duplex"] = async (name, args, signal) => {
    const opened = await invoker.duplex(name, args, until(signal));
    streams.add(opened);
    void opened.closed.then(() => streams.delete(opened));
    return opened;
  };
  const bound: Invoke = { call, stream, duplex, until };

  const close = async (): Promise<void> => {
    closing.abort(
      new CoveyError("closed", "this connection to the peer was closed", { hint: "`open` or `connect` makes a new one." }),
    );
    for (const opened of streams) opened.reset();
    await invoker.close();
  };

  return {
    status: ({ signal } = {}) => call("status", {}, signal),
    invite: (options = {}) => invite(bound, options),
    join: (ticket, { signal, ...as } = {}) => call("join", { ticket, ...as }, signal),
    peers: ({ signal } = {}) => call("peers", {}, signal),
    peer: (nameOrId) => peerHandle(bound, nameOrId),
    inbox: ({ signal } = {}) => call("inbox", {}, signal),
    data: openData(bound, {}),
    incoming: ({ signal } = {}) => stream("offer.incoming", {}, signal),
    shares: ({ signal } = {}) => call("shares", {}, signal),
    async accept(offer, { signal, ...how }) {
      assertAbsolute(how.into);
      return call("offer.accept", { offer, ...how }, signal);
    },
    decline: (offer, { signal } = {}) => call("offer.decline", { offer }, signal),
    cancel: (offer, { signal } = {}) => call("offer.cancel", { offer }, signal),
    pause: (offer, { signal } = {}) => call("offer.pause", { offer }, signal),
    resume: (offer, { signal } = {}) => call("offer.resume", { offer }, signal),
    transfers: ({ signal } = {}) => call("transfers", {}, signal),
    async handle(name, options, handler) {
      const { takeStreams } = await import("./streams/handle.ts");
      return takeStreams(bound, name, options, handler);
    },
    async serve(options) {
      const { openServing } = await import("./serving/serve.ts");
      return openServing(bound, options);
    },
    servings: ({ signal } = {}) => call("servings", {}, signal),
    unserve: (serving, { signal } = {}) => call("serve.remove", { serving }, signal),
    tellGuest: (guest, text, { signal } = {}) => call("guest.tell", { guest, text }, signal),
    guestMessages: ({ signal, ...which } = {}) => call("guest.messages", which, signal),
    markGuestsRead: (ids, { signal } = {}) => call("guest.read", { ids: [...ids] }, signal),
    watchTransfer: (offer, { signal } = {}) => stream("transfer.watch", { offer }, signal),
    close,
    [Symbol.asyncDispose]: close,
  };
}

const peerHandle = (bound: Invoke, peer: string): PeerHandle => ({
  name: peer,
  show: ({ signal } = {}) => bound.call("peer.show", { peer }, signal),
  rename: (name, { signal } = {}) => bound.call("peer.rename", { peer, name }, signal),
  remove: ({ signal } = {}) => bound.call("peer.remove", { peer }, signal),
  message: (text, { signal } = {}) => bound.call("message.send", { peer, text }, signal),
  messages: ({ signal, ...page } = {}) => bound.call("message.list", { peer, ...page }, signal),
  watchMessages: ({ signal, after } = {}) => bound.stream("message.watch", { peer, ...behind(after) }, signal),
  unread: ({ signal } = {}) => bound.call("message.unread", { peer }, signal),
  markRead: ({ signal, shown } = {}) =>
    bound.call("message.read", shown === undefined ? { peer } : { peer, shown: [...shown] }, signal),
  async send(what, { signal } = {}) {
    const paths = typeof what === "string" ? [what] : [...what];
    for (const path of paths) assertAbsolute(path);
    return transferJob(bound, await bound.call("file.send", { peer, paths }, signal));
  },
  access: ({ signal } = {}) => bound.call("peer.access", { peer }, signal),
  async allow(policy, { signal } = {}) {
    if (policy.offers === "take") assertAbsolute(policy.into);
    return bound.call("peer.allow", { peer, policy }, signal);
  },
  async share(path, { signal, ...how } = {}) {
    assertAbsolute(path);
    return bound.call("share.add", { peer, path, ...how }, signal);
  },
  unshare: (name, { signal } = {}) => bound.call("share.remove", { peer, name }, signal),
  shares: ({ signal } = {}) => bound.call("peer.shares", { peer }, signal),
  watchShares: ({ signal } = {}) => bound.stream("peer.watchShares", { peer }, signal),
  list: (path, { signal, ...how } = {}) => bound.stream("share.list", { peer, path, ...how }, signal),
  async get(path, { signal, ...how }) {
    assertAbsolute(how.into);
    return transferJob(bound, await bound.call("share.get", { peer, path, ...how }, signal));
  },
  async *read(path, { signal } = {}) {
    const { readShared } = await import("./bytes/bytes.ts");
    yield* readShared(bound, { peer, path }, signal);
  },
  async sendBytes(bytes, { signal, name }) {
    const { sendBytes } = await import("./bytes/bytes.ts");
    return transferJob(bound, await sendBytes(bound, { peer, name }, bytes, signal));
  },
  async open(name, { signal } = {}) {
    const { byteStream } = await import("./streams/byte-stream.ts");
    return byteStream(await bound.duplex("stream.open", { peer, name }, signal));
  },
  data: openData(bound, { space: peer }),
});

/** Without a cursor there is none to check. */
const behind = (after: Cursor | undefined): { readonly after?: Cursor } => (after === undefined ? {} : { after });

async function invite(
  bound: Invoke,
  { signal, ...options }: NonNullable<Parameters<Covey["invite"]>[0]>,
): Promise<PairInvitation> {
  const { id, ticket, expiresAtMs } = await bound.call("invite", options, signal);
  const waiting = new AbortController();
  const done = bound.call("invitation.wait", { id }, waiting.signal);
  // Whoever only hands the ticket on never looks at `done`.
  done.catch(() => {});
  return {
    ticket,
    expiresAtMs,
    done,
    async [Symbol.asyncDispose]() {
      waiting.abort(new CoveyError("ticket-invalid", "the ticket was withdrawn"));
      try {
        await bound.call("invitation.withdraw", { id });
      } catch (error) {
        // A peer that is gone has no open tickets; and this must not stand in for what ended it.
        if (!(error instanceof CoveyError && (error.code === "daemon-down" || error.code === "closed"))) throw error;
      }
    },
  };
}

function transferJob(bound: Invoke, { offer: unnamed, peerName }: NamedTransfer): TransferJob {
  const offer: NamedOffer = { ...unnamed, peerName };
  const watching = new AbortController();
  const progress = ({ signal }: CallOptions = {}): AsyncIterable<NamedTransfer> =>
    bound.stream(
      "transfer.watch",
      { offer: offer.id },
      signal === undefined ? watching.signal : AbortSignal.any([signal, watching.signal]),
    );
  let done: Promise<NamedTransfer> | undefined;
  return {
    offer,
    get done() {
      return (done ??= outcome(progress()));
    },
    progress,
    async [Symbol.asyncDispose]() {
      watching.abort(new CoveyError("closed", "nobody watches this transfer any more; it goes on"));
    },
  };
}

/** The last state of a transfer, or why it did not arrive. */
async function outcome(progress: AsyncIterable<NamedTransfer>): Promise<NamedTransfer> {
  let last: NamedTransfer | undefined;
  for await (last of progress);
  if (last === undefined) throw new CoveyError("closed", "the transfer ended without a state");
  const { state, name } = last.offer;
  if (state === "done") return last;
  if (last.problem !== undefined) throw errorFromJson(last.problem);
  const what = state === "declined" ? "was declined" : state === "withdrawn" ? "was cancelled" : "failed";
  throw new CoveyError(state === "failed" ? "internal" : "declined", `${JSON.stringify(name)} ${what}`, {
    hint: "Whoever wants it after all has it offered, or asks for it, again.",
  });
}

/** The daemon has a working directory of its own, so a relative path would mean another file there. */
function assertAbsolute(path: string): void {
  if (isAbsolute(path)) return;
  throw new CoveyError("bad-argument", `the path ${JSON.stringify(path)} is not absolute`, {
    hint: "path.resolve() makes it so.",
  });
}
