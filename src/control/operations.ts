// The one table of what a peer can be asked to do: the name, what it takes, and how it is done. Every face of the interface
// (the library in one process, the daemon's socket) goes through it; docs/control.md shows how it looks on the socket.

import * as v from "valibot";

import { CoveyError } from "../core/errors.ts";
import type { PeerId, StoreId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import type { ServedListPlace } from "../gateway/contract.ts";
import type { Peer } from "../peer/contract.ts";
import type { Json } from "../services/data/contract.ts";
import type { Offer, Policy, Share, Transfer } from "../services/files/contract.ts";
import type { Stream as ByteDuplex } from "../session/contract.ts";
import type { Cursor } from "../space/contract.ts";
import type { Access, Inbox, InboxMessage, NamedOffer, NamedShare, NamedTransfer } from "./covey.ts";
import { reading } from "./bytes/reading.ts";
import { linkOf, resolveOwner, resolvePeer, resolveSpace } from "./resolve.ts";
import { spool } from "./bytes/spool.ts";

type Args<Schema extends v.GenericSchema> = v.InferOutput<Schema>;

/** One question, one answer. */
interface Call<Schema extends v.GenericSchema, Result> {
  readonly kind: "call";
  readonly args: Schema;
  readonly run: (peer: Peer, args: Args<Schema>, signal: AbortSignal) => Promise<Result>;
}

/** Items until it ends or the signal aborts. What is wrong with the arguments is said before the first item. */
interface Stream<Schema extends v.GenericSchema, Item> {
  readonly kind: "stream";
  readonly args: Schema;
  readonly run: (peer: Peer, args: Args<Schema>, signal: AbortSignal) => Promise<AsyncIterable<Item>>;
}

/** A duplex of bytes, as the operation made it. What is wrong with the arguments, and what can't be opened, is said before. */
interface Duplex<Schema extends v.GenericSchema> {
  readonly kind: "duplex";
  readonly args: Schema;
  readonly run: (peer: Peer, args: Args<Schema>, signal: AbortSignal) => Promise<ByteDuplex>;
}

const call = <const Schema extends v.GenericSchema, Result>(
  args: Schema,
  run: Call<Schema, Result>["run"],
): Call<Schema, Result> => ({ kind: "call", args, run });

const stream = <const Schema extends v.GenericSchema, Item>(
  args: Schema,
  run: Stream<Schema, Item>["run"],
): Stream<Schema, Item> => ({ kind: "stream", args, run });

const duplex = <const Schema extends v.GenericSchema>(args: Schema, run: Duplex<Schema>["run"]): Duplex<Schema> => ({
  kind: "duplex",
  args,
  run,
});

const nothing = v.strictObject({});
const ofPeer = { peer: v.string() };
const ofOffer = { offer: v.string() };
/** Without a name: this peer's own space. */
const ofSpace = { space: v.exactOptional(v.string()) };
/** Without one: this device. */
const ofSomePeer = { peer: v.exactOptional(v.string()) };
const prefix = { prefix: v.exactOptional(v.string(), "") };
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const cursor = v.strictObject({
  store: v.custom<StoreId>((text) => typeof text === "string" && /^[0-9a-f]{32}$/.test(text), "not a store's id"),
  seq: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
}) satisfies v.GenericSchema<unknown, Cursor>;
const json = v.custom<Json>((value) => value !== undefined, "not a JSON value");
const placement = {
  into: v.string(),
  conflict: v.exactOptional(v.picklist(["rename", "skip", "overwrite"])),
};
const policy = v.variant("offers", [
  v.strictObject({ offers: v.literal("ask") }),
  v.strictObject({ offers: v.literal("take"), into: v.string(), upToBytes: v.optional(size) }),
  v.strictObject({ offers: v.literal("refuse") }),
]);
const pairAs = { as: v.exactOptional(v.string()), mine: v.exactOptional(v.boolean()) };

export const OPERATIONS = {
  /** Whether the peer is there, and the version fits. */
  ping: call(nothing, async () => undefined),
  status: call(nothing, (peer) => peer.status()),

  invite: call(v.strictObject({ ttlMs: v.exactOptional(count), ...pairAs }), (peer, args) => peer.pairing.invite(args)),
  "invitation.wait": call(v.strictObject({ id: v.string() }), async (peer, { id }, signal) =>
    linkOf(peer, await peer.pairing.paired(id, signal)),
  ),
  "invitation.withdraw": call(v.strictObject({ id: v.string() }), async (peer, { id }) => peer.pairing.withdraw(id)),
  join: call(v.strictObject({ ticket: v.string(), ...pairAs }), async (peer, { ticket, ...as }, signal) =>
    linkOf(peer, await peer.pairing.join(ticket, { ...as, signal })),
  ),

  peers: call(nothing, (peer) => peer.links()),
  "peer.show": call(v.strictObject(ofPeer), async (peer, args) => linkOf(peer, resolvePeer(peer, args.peer))),
  "peer.rename": call(v.strictObject({ ...ofPeer, name: v.string() }), async (peer, args) =>
    linkOf(peer, await peer.book.update(resolvePeer(peer, args.peer).peerId, { name: args.name })),
  ),
  "peer.remove": call(v.strictObject(ofPeer), async (peer, args) => peer.removePeer(resolvePeer(peer, args.peer).peerId)),

  "message.send": call(v.strictObject({ ...ofPeer, text: v.string() }), async (peer, args) =>
    peer.messages.send(resolvePeer(peer, args.peer).peerId, args.text),
  ),
  "message.list": call(v.strictObject({ ...ofPeer, limit: v.exactOptional(count) }), async (peer, { peer: name, ...page }) =>
    peer.messages.list(resolvePeer(peer, name).peerId, page),
  ),
  "message.unread": call(v.strictObject(ofPeer), async (peer, args) => peer.messages.unread(resolvePeer(peer, args.peer).peerId)),
  "message.read": call(v.strictObject({ ...ofPeer, shown: v.exactOptional(v.array(v.string())) }), async (peer, args) =>
    peer.messages.markRead(resolvePeer(peer, args.peer).peerId, args.shown),
  ),
  "message.watch": stream(
    v.strictObject({ ...ofPeer, after: v.exactOptional(cursor) }),
    async (peer, { peer: name, ...from }, signal) => peer.messages.watch(resolvePeer(peer, name).peerId, { ...from, signal }),
  ),
  inbox: call(nothing, inbox),

  "peer.access": call(v.strictObject(ofPeer), async (peer, args) => access(peer, resolvePeer(peer, args.peer).peerId)),
  "peer.allow": call(v.strictObject({ ...ofPeer, policy }), async (peer, args) => {
    const { peerId } = resolvePeer(peer, args.peer);
    await peer.files.allow(peerId, args.policy as Policy);
    return access(peer, peerId);
  }),

  shares: call(nothing, async (peer) => peer.files.shares().map((share) => namedShare(peer, share))),
  "share.add": call(
    v.strictObject({ ...ofPeer, path: v.string(), name: v.exactOptional(v.string()), forMs: v.exactOptional(count) }),
    async (peer, { peer: name, path, ...how }) =>
      namedShare(peer, await peer.files.share(resolvePeer(peer, name).peerId, path, how)),
  ),
  "share.remove": call(v.strictObject({ ...ofPeer, name: v.string() }), async (peer, args) =>
    peer.files.unshare(resolvePeer(peer, args.peer).peerId, args.name),
  ),
  "peer.shares": call(v.strictObject(ofPeer), async (peer, args) => peer.files.sharedBy(resolvePeer(peer, args.peer).peerId)),
  "peer.watchShares": stream(v.strictObject(ofPeer), async (peer, args, signal) =>
    peer.files.watchSharedBy(resolvePeer(peer, args.peer).peerId, { signal }),
  ),
  "share.list": stream(
    v.strictObject({ ...ofPeer, path: v.string(), deep: v.exactOptional(v.boolean()) }),
    async (peer, { peer: name, path, ...how }, signal) =>
      peer.files.list(resolvePeer(peer, name).peerId, path, { ...how, signal }),
  ),
  "share.get": call(
    v.strictObject({ ...ofPeer, path: v.string(), as: v.exactOptional(v.string()), ...placement }),
    async (peer, { peer: name, path, ...how }, signal) =>
      namedTransfer(peer, await peer.files.get(resolvePeer(peer, name).peerId, path, { ...how, signal })),
  ),

  "share.read": duplex(v.strictObject({ ...ofPeer, path: v.string() }), async (peer, { peer: from, path }, opening) => {
    const { peerId } = resolvePeer(peer, from);
    return reading((signal) => peer.files.read(peerId, path, { signal }), opening);
  }),

  /** The bytes of the file; the answer is its NamedTransfer, as JSON. */
  "file.sendBytes": duplex(v.strictObject({ ...ofPeer, name: v.string() }), async (peer, { peer: to, name }) => {
    const { peerId } = resolvePeer(peer, to);
    assertFileName(name);
    return spool(peer.spool, async (path) => namedTransfer(peer, await peer.files.sendSpooled(peerId, path, name)));
  }),
  "file.send": call(v.strictObject({ ...ofPeer, paths: v.array(v.string()) }), async (peer, args, signal) =>
    namedTransfer(peer, await peer.files.send(resolvePeer(peer, args.peer).peerId, args.paths, { signal })),
  ),
  "offer.accept": call(
    v.strictObject({ ...ofOffer, ...placement, size: v.exactOptional(size) }),
    async (peer, { offer, ...how }) => namedTransfer(peer, await peer.files.accept(offer, how)),
  ),
  "offer.pause": call(v.strictObject(ofOffer), async (peer, { offer }) => namedTransfer(peer, await peer.files.pause(offer))),
  "offer.resume": call(v.strictObject(ofOffer), async (peer, { offer }) => namedTransfer(peer, await peer.files.resume(offer))),
  "offer.decline": call(v.strictObject(ofOffer), async (peer, { offer }) => peer.files.decline(offer)),
  "offer.cancel": call(v.strictObject(ofOffer), async (peer, { offer }) => peer.files.cancel(offer)),
  "offer.incoming": stream(nothing, async (peer, _, signal) =>
    mapped(peer.files.incoming({ signal }), (offer) => namedOffer(peer, offer)),
  ),
  transfers: call(nothing, async (peer) => (await peer.files.transfers()).map((transfer) => namedTransfer(peer, transfer))),
  "transfer.watch": stream(v.strictObject(ofOffer), async (peer, { offer }, signal) =>
    mapped(peer.files.watch((await peer.files.find(offer)).id, { signal }), (transfer) => namedTransfer(peer, transfer)),
  ),

  /** The first item says that it takes streams; each further one is for `stream.take`, soon. */
  "stream.incoming": stream(
    v.strictObject({ name: v.string(), from: v.exactOptional(v.array(v.string())) }),
    async (peer, { name, from }, signal) => {
      const ids = from?.map((one) => resolvePeer(peer, one).peerId);
      return mapped(peer.streams.waiting(name, { from: ids, signal }), (opened): IncomingEvent =>
        opened === undefined ? { type: "ready" } : { type: "stream", id: opened.id, peer: nameOf(peer, opened) },
      );
    },
  ),
  "stream.take": duplex(v.strictObject({ id: v.string() }), (peer, { id }) => peer.streams.take(id)),
  "stream.turnAway": call(v.strictObject({ id: v.string() }), async (peer, { id }) => peer.streams.turnAway(id)),
  "stream.failed": call(v.strictObject({ name: v.string(), peer: v.string(), error: v.string() }), async (peer, failure) =>
    peer.streams.note(failure),
  ),
  "stream.open": duplex(v.strictObject({ ...ofPeer, name: v.string() }), async (peer, { peer: to, name }, signal) =>
    peer.streams.open(resolvePeer(peer, to).peerId, name, { signal }),
  ),

  /** The first item is the serving; one that is not kept ends with whoever reads this. */
  "serve.open": stream(
    v.strictObject({
      directory: v.exactOptional(v.string()),
      upload: v.exactOptional(v.boolean(), false),
      list: v.exactOptional(v.strictObject({ ...ofSomePeer, key: v.string(), writable: v.exactOptional(v.boolean(), false) })),
      greeting: v.exactOptional(v.string()),
      close: v.exactOptional(v.boolean(), false),
      reply: v.exactOptional(v.string()),
      listen: v.exactOptional(v.string()),
      lan: v.exactOptional(v.boolean(), false),
      token: v.exactOptional(v.boolean(), false),
      perAddress: v.exactOptional(count, LIMITS.gatewayPerAddress),
      keep: v.exactOptional(v.boolean(), false),
    }),
    async (peer, { directory, list, greeting, reply, listen, ...settings }, signal) => {
      assertSomethingServed([directory, list, greeting, reply]);
      const place = list === undefined ? undefined : servedList(peer, list);
      return peer.gateway.open(
        { ...settings, directory, list: place, greeting, reply: reply ?? "message_ack", listen },
        { signal },
      );
    },
  ),
  servings: call(nothing, async (peer) => peer.gateway.list()),
  "serve.remove": call(v.strictObject({ serving: v.string() }), async (peer, { serving }) => peer.gateway.remove(serving)),
  "guest.tell": call(v.strictObject({ guest: v.string(), text: v.string() }), async (peer, { guest, text }) =>
    peer.gateway.tell(guest, text),
  ),
  "guest.messages": call(
    v.strictObject({ guest: v.exactOptional(v.string()), limit: v.exactOptional(count) }),
    async (peer, which) => peer.messages.guests.list(which),
  ),
  "guest.read": call(v.strictObject({ ids: v.array(v.string()) }), async (peer, { ids }) => peer.messages.guests.markRead(ids)),

  "data.get": call(v.strictObject({ ...ofSpace, key: v.string() }), async (peer, { space, key }) =>
    peer.data.get(await resolveSpace(peer, space), key),
  ),
  "data.set": call(
    v.strictObject({ ...ofSpace, key: v.string(), value: json, ifVersion: v.exactOptional(v.nullable(v.string())) }),
    async (peer, { space, key, value, ...condition }) => peer.data.set(await resolveSpace(peer, space), key, value, condition),
  ),
  "data.setMany": call(
    v.strictObject({ ...ofSpace, items: v.array(v.strictObject({ key: v.string(), value: json })) }),
    async (peer, { space, items }) => peer.data.setMany(await resolveSpace(peer, space), items),
  ),
  "data.remove": call(
    v.strictObject({ ...ofSpace, key: v.string(), ifVersion: v.exactOptional(v.string()) }),
    async (peer, { space, key, ...condition }) => peer.data.remove(await resolveSpace(peer, space), key, condition),
  ),
  "data.list": call(
    v.strictObject({ ...ofSpace, ...prefix, limit: v.exactOptional(count), after: v.exactOptional(v.string()) }),
    async (peer, { space, prefix: below, ...page }) => peer.data.list(await resolveSpace(peer, space), below, page),
  ),
  "data.conflicts": call(v.strictObject({ ...ofSpace, ...prefix }), async (peer, args) =>
    peer.data.conflicts(await resolveSpace(peer, args.space), args.prefix),
  ),
  "data.watch": stream(
    v.strictObject({ ...ofSpace, ...prefix, after: v.exactOptional(cursor) }),
    async (peer, { space, prefix: below, ...from }, signal) =>
      peer.data.watch(await resolveSpace(peer, space), below, { ...from, signal }),
  ),
};

type Table = typeof OPERATIONS;
export type OperationName = keyof Table;
export type OperationKind = Table[OperationName]["kind"];
export type OperationNameOf<Kind extends OperationKind> = {
  [Name in OperationName]: Table[Name]["kind"] extends Kind ? Name : never;
}[OperationName];
export type CallName = OperationNameOf<"call">;
export type StreamName = OperationNameOf<"stream">;
export type DuplexName = OperationNameOf<"duplex">;
export type OperationArgs<Name extends OperationName> = v.InferInput<Table[Name]["args"]>;
export type CallResult<Name extends CallName> = Awaited<ReturnType<Table[Name]["run"]>>;
export type StreamItem<Name extends StreamName> =
  Awaited<ReturnType<Table[Name]["run"]>> extends AsyncIterable<infer Item> ? Item : never;

/** Before anything is kept for it. */
function assertFileName(name: string): void {
  if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name) && Buffer.byteLength(name) <= LIMITS.offerNameBytes)
    return;
  throw new CoveyError("bad-argument", `${JSON.stringify(printable(name.slice(0, 80)))} can't be the name of a file`, {
    hint: "Give a name without slashes, such as log.txt.",
  });
}

function assertSomethingServed(what: readonly unknown[]): void {
  if (what.some((one) => one !== undefined)) return;
  throw new CoveyError("bad-argument", "nothing is said of what to serve", {
    hint: "Give at least one of: a directory, a list, a greeting, an answer to messages.",
  });
}

const servedList = (
  peer: Peer,
  { peer: name, ...list }: { readonly peer?: string; readonly key: string; readonly writable: boolean },
): ServedListPlace => ({ ...list, peer: resolveOwner(peer, name) });

/** What `stream.incoming` tells. `peer`: the user's name for it. */
type IncomingEvent = { readonly type: "ready" } | { readonly type: "stream"; readonly id: string; readonly peer: string };

/** A peer that was removed since then is shown by its id. */
const nameOf = (peer: Peer, of: { readonly peer: PeerId }): string => peer.book.byId(of.peer)?.name ?? of.peer;

const namedOffer = (peer: Peer, offer: Offer): NamedOffer => ({ ...offer, peerName: nameOf(peer, offer) });

const namedTransfer = (peer: Peer, transfer: Transfer): NamedTransfer => ({
  ...transfer,
  peerName: nameOf(peer, transfer.offer),
});

const namedShare = (peer: Peer, share: Share): NamedShare => ({ ...share, peerName: nameOf(peer, share) });

async function access(peer: Peer, peerId: PeerId): Promise<Access> {
  const open = (await peer.files.offers()).filter(
    (offer) => offer.peer === peerId && offer.direction === "out" && ["waiting", "accepted", "failed"].includes(offer.state),
  );
  return {
    policy: peer.files.policy(peerId),
    shares: peer.files.shares(peerId).map((share) => namedShare(peer, share)),
    streams: peer.streams.namesFor(peerId),
    offers: open.map((offer) => namedOffer(peer, offer)),
  };
}

async function* mapped<From, To>(items: AsyncIterable<From>, map: (item: From) => To): AsyncIterable<To> {
  for await (const item of items) yield map(item);
}

async function inbox(peer: Peer): Promise<Inbox> {
  const unread = await Promise.all(
    peer.book
      .list()
      .map(async ({ peerId, name }): Promise<InboxMessage[]> =>
        (await peer.messages.unread(peerId)).map((message) => ({ ...message, peer: name })),
      ),
  );
  const waiting = (await peer.files.offers()).filter(({ direction, state }) => direction === "in" && state === "waiting");
  return {
    messages: unread.flat().sort((a, b) => a.sentAtMs - b.sentAtMs),
    offers: waiting.map((offer) => namedOffer(peer, offer)),
    guests: await peer.messages.guests.unread(),
  };
}
