// The answering side of files/fetch and files/walk: what was offered or is shared, to the peer it is for, and to nobody else.
//
//   1. the right: an offer of ours to this peer that is open, or a share with it; a hash or an id alone gives none
//   2. a place: a few at once to each peer; what an offer's receiver asks for again takes the place of what it asked for before
//   3. the thing: a file in the version that was offered (when it is another one now, the offer is renewed first), or what is in a tree
//   4. the bytes: send-blocks.ts, ../trees/send-walk.ts

import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import { domainHash } from "../../../core/hash.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import { BlockBuffers } from "../../../blob/block-buffers.ts";
import { Source } from "../../../blob/source.ts";
import type { TreeReader, TreeRoot } from "../../../blob/tree/contract.ts";
import { openInTree } from "../../../blob/tree/open-in-tree.ts";
import type { Call, Session } from "../../../session/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { isOver, type Item, type Ledger } from "../offers/ledger.ts";
import { clearHashes } from "../offers/records.ts";
import type { Sources } from "../sending/sources.ts";
import { sendWalk } from "../trees/send-walk.ts";
import { parseWalk, WALK_ROUTE } from "../trees/wire.ts";
import { publicError } from "./public-error.ts";
import { RunningSends } from "./running.ts";
import { sendBlocks, type ServedFile } from "./send-blocks.ts";
import { SourceHashes } from "./source-hashes.ts";
import { FETCH_ROUTE, parseFetch } from "./wire.ts";

interface ServeNeeds {
  readonly store: SpaceStore;
  readonly ledger: Ledger;
  readonly sources: Sources;
  readonly reader: TreeReader;
  /** What is shared under the id with the peer, if anything. */
  readonly shares: {
    reach(peer: PeerId, id: string): { readonly roots: readonly TreeRoot[]; readonly signal: AbortSignal } | undefined;
  };
  readonly clock: Clock;
  /** Tells the receiver of the source's new size and time. */
  renew(item: Item): Promise<void>;
}

/** What a peer may read under the id that it asked with. */
interface Grant {
  readonly id: string;
  /** undefined: a share. */
  readonly item: Item | undefined;
  readonly signal: AbortSignal | undefined;
  /** Of a tree or share. */
  roots(): Promise<readonly TreeRoot[]>;
}

export class Serving {
  readonly #needs: ServeNeeds;
  readonly #running = new RunningSends();
  /** Of offers of one file, by id: as long as they are open. Of files in shares, by token: the last few. */
  readonly #hashes = new Map<string, SourceHashes>();
  readonly #sharedHashes = new Map<string, SourceHashes>();
  /** The session in which what its receiver has of a tree was heard last. */
  readonly #walkedIn = new WeakMap<Item, Session>();

  constructor(needs: ServeNeeds) {
    this.#needs = needs;
  }

  /** The handler of files/fetch. */
  async answerFetch(call: Call): Promise<void> {
    const args = parseFetch(call.args);
    const grant = this.#permitted(call.peer, args.offer);
    const { path } = args;
    if ((path === undefined) !== (grant.item?.record.kind === "file")) throw refused();
    await this.#run(call, FETCH_ROUTE, path, grant, LIMITS.filesServedPerPeer, async (signal) => {
      const source = await this.#open(grant, path).catch((error: unknown) => {
        throw publicError(error);
      });
      try {
        const file = await this.#served(grant, path, source);
        const item = path === undefined ? grant.item : undefined;
        await sendBlocks(this.#progress(grant, item), call, file, args, signal);
        if (item !== undefined) await this.#finishPlain(item, file, signal);
      } finally {
        await source.close();
      }
    });
  }

  /** The handler of files/walk. */
  async answerWalk(call: Call): Promise<void> {
    const { offer, path, after, content, deep } = parseWalk(call.args);
    const grant = this.#permitted(call.peer, offer);
    if (grant.item?.record.kind === "file") throw refused();
    if (this.#running.count(({ route }) => route === WALK_ROUTE) >= LIMITS.walksServed)
      throw new CoveyError("limit", `${LIMITS.walksServed} directories are on their way already`);
    await this.#run(call, WALK_ROUTE, path, grant, LIMITS.walksServedPerPeer, async (signal) => {
      const options = { path, content, deep, signal, ...(after === undefined ? {} : { after }) };
      const packs = this.#needs.reader.walk(await grant.roots(), options);
      const { item } = grant;
      let first = true;
      await sendWalk(call, packs, signal, (bytes) => {
        if (item === undefined) return;
        const done = Math.min(bytes, item.record.size);
        if (this.#walkedIn.get(item) !== call.session) item.resumedBytes = done;
        this.#walkedIn.set(item, call.session);
        this.#needs.ledger.progress(item, done, first ? 0 : Math.max(0, done - item.doneBytes));
        first = false;
      });
    });
  }

  /** Cuts what is being sent of the offer. */
  async stop(offer: string): Promise<void> {
    await this.#running.stop((run) => run.offer === offer);
  }

  /** For an offer that is over: what was kept to serve it goes. What was withdrawn is cut; what is done there may still be hashed for the user here. */
  async end(item: Item): Promise<void> {
    const { id, state } = item.record;
    if (state !== "done") await this.stop(id);
    if (this.#running.count(({ offer }) => offer === id) > 0 || item.record.token === undefined) return;
    await this.#forgetHashes(id);
    await this.#needs.sources.forget(item.record);
    await this.#needs.ledger.update(item, { token: undefined });
  }

  async close(): Promise<void> {
    await this.#running.stop(() => true);
  }

  /** The same answer for what is not there, not theirs, and not offered any more. */
  #permitted(peer: PeerId, id: string): Grant {
    const { ledger, sources, shares } = this.#needs;
    const item = ledger.get(id);
    if (item === undefined) {
      const reach = shares.reach(peer, id);
      if (reach === undefined) throw refused();
      return { id, item, signal: reach.signal, roots: async () => reach.roots };
    }
    const { direction, state, paused } = item.record;
    const open = direction === "out" && item.record.peer === peer && ["waiting", "accepted", "failed"].includes(state);
    if (!open) throw refused();
    // The receiver comes again later, or when the offer's entry says that it goes on.
    if (paused) throw new CoveyError("limit", "the sender has stopped this for now");
    return { id, item, signal: undefined, roots: () => sources.rootsOf(id) };
  }

  async #run(
    { peer, signal }: Call,
    route: string,
    path: string | undefined,
    grant: Grant,
    most: number,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { id, item } = grant;
    // Whoever receives an offer has given up on what it asks for again. Several may read the same of a share.
    if (item !== undefined)
      await this.#running.stop((run) => run.offer === id && run.route === route && (route === WALK_ROUTE || run.path === path));
    const others = this.#running.count((run) => run.peer === peer && run.route === route);
    if (others >= most) throw new CoveyError("limit", `${others} of these are on their way to this peer already`);
    try {
      await this.#running.run({ peer, route, offer: id, path }, (stopped) => {
        // It may have ended while this waited; from here on it is cut.
        this.#permitted(peer, id);
        return work(AbortSignal.any([signal, stopped, ...(grant.signal === undefined ? [] : [grant.signal])]));
      });
    } finally {
      if (item !== undefined && isOver(item.record.state)) await this.end(item);
    }
  }

  async #open({ item, roots }: Grant, path: string | undefined): Promise<Source> {
    if (path === undefined) return Source.open(item!.record.path!);
    return Source.of(await openInTree(await roots(), path));
  }

  async #served(grant: Grant, path: string | undefined, source: Source): Promise<ServedFile> {
    const { id, item } = grant;
    const { version } = source;
    if (path === undefined) return { source, hashes: await this.#hashesOf(item!, source), token: publicToken(id, version.token) };
    const token = publicToken(`${id}/${path}`, version.token);
    if (item === undefined) return { source, hashes: await this.#hashesOfShared(token, source), token };
    // Of a file that has changed there may be some of each version: all go with the offer.
    const hashes = await SourceHashes.load({ store: this.#needs.store, scope: `${id}/${token}`, plain: false }, version);
    return { source, hashes, token };
  }

  /** The hashes of the source as it is now; renews the offer when that is another version than the one offered. */
  async #hashesOf(item: Item, { version }: Source): Promise<SourceHashes> {
    const { id, token } = item.record;
    if (token !== version.token) {
      await this.#forgetHashes(id);
      await this.#needs.ledger.update(item, { ...version, blake3: undefined });
      await this.#needs.renew(item);
    }
    const held = this.#hashes.get(id);
    if (held?.token === version.token) return held;
    const loaded = await SourceHashes.load({ store: this.#needs.store, scope: id, plain: true }, version);
    this.#hashes.set(id, loaded);
    return loaded;
  }

  async #hashesOfShared(token: string, { version }: Source): Promise<SourceHashes> {
    const hashes = this.#sharedHashes.get(token) ?? (await SourceHashes.load(undefined, version));
    this.#sharedHashes.delete(token);
    this.#sharedHashes.set(token, hashes);
    for (const oldest of [...this.#sharedHashes.keys()].slice(0, -LIMITS.sharedHashes)) this.#sharedHashes.delete(oldest);
    return hashes;
  }

  #progress({ item }: Grant, single: Item | undefined): Parameters<typeof sendBlocks>[0] {
    const { ledger, clock } = this.#needs;
    let last = 0;
    return {
      clock,
      onStart(bytes) {
        last = bytes;
        if (single === undefined) return;
        single.resumedBytes = bytes;
        ledger.progress(single, bytes, 0);
      },
      onCount(bytes) {
        const moved = Math.max(0, bytes - last);
        last = bytes;
        if (single !== undefined) ledger.progress(single, bytes, moved);
        // Of a tree this is one file of many: what there is of all of them is said on the walk.
        else if (item !== undefined) ledger.progress(item, Math.min(item.record.size, item.doneBytes + moved), moved);
      },
      async onWhole(hashes) {
        if (single === undefined) return;
        const blake3 = hashes.blake3();
        await ledger.update(single, { blob: hashes.manifest.blobId(), ...(blake3 === undefined ? {} : { blake3 }) });
      },
    };
  }

  async #forgetHashes(offer: string): Promise<void> {
    this.#hashes.delete(offer);
    await clearHashes(this.#needs.store, offer);
  }

  /** BLAKE3 of the whole file, for the user: what was sent in order is hashed already, the rest is read once more. */
  async #finishPlain(item: Item, { source, hashes }: ServedFile, signal: AbortSignal): Promise<void> {
    if (item.record.blake3 !== undefined) return;
    const buffers = new BlockBuffers(0, source.version.size);
    for await (const { block, bytes } of source.read(hashes.unhashed(), buffers)) {
      signal.throwIfAborted();
      hashes.add(block, bytes);
      buffers.give(bytes);
    }
    await source.check();
    await this.#needs.ledger.update(item, { blake3: hashes.blake3() });
  }
}

const refused = (): CoveyError => new CoveyError("refused", "nothing is offered under that id");

/** What a peer calls the version: equal when ours is, and says nothing about this machine. */
const publicToken = (file: string, token: string): string =>
  domainHash("covey/source-version/1", Buffer.from(file), Buffer.from(token)).toString("hex", 0, 16);
