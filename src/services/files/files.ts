// Files between paired peers: offers are entries, the receiver pulls, and both sides say what they know. Which part does what:
//
//   sending/     send ⇒ record, entry ⇒ the other side       shares/   what is kept available, and what others keep
//   offers/      decisions ⇒ record, entry ⇒ the other side; what is known of each offer
//   downloads/   what was agreed to, until it is here        fetch/    blocks, asked for and answered

import { forEachAtOnce } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import type { TreeReader, TreeWriter } from "../../blob/tree/contract.ts";
import type { PeerBook } from "../../identity/contract.ts";
import type { Sessions } from "../../session/contract.ts";
import type { SpaceStore } from "../../space/contract.ts";
import type { Files, Listed, Offer, Policy, Receiving, RemoteShare, Share, Transfer } from "./contract.ts";
import { Downloads } from "./downloads/downloads.ts";
import { Links } from "./downloads/links.ts";
import { Serving } from "./fetch/serve.ts";
import { FETCH_ROUTE } from "./fetch/wire.ts";
import { Decisions } from "./offers/decisions.ts";
import { Forgetting } from "./offers/forgetting.ts";
import { isOver, Ledger, offerOf, type Item } from "./offers/ledger.ts";
import { OfferEntries } from "./offers/offer-entries.ts";
import { Pausing } from "./offers/pausing.ts";
import { Policies } from "./offers/policies.ts";
import { Removals } from "./offers/removals.ts";
import { transferOf } from "./offers/view.ts";
import { watchItem, watchOffers } from "./offers/watch.ts";
import { Sending } from "./sending/sending.ts";
import { Sources } from "./sending/sources.ts";
import { type GetOptions, Getting } from "./shares/get.ts";
import { listShare } from "./shares/list.ts";
import { readShared } from "./shares/read.ts";
import { RemoteShares } from "./shares/remote-shares.ts";
import type { AskingNeeds } from "./shares/remote-walk.ts";
import { Shares } from "./shares/shares.ts";
import { WALK_ROUTE } from "./trees/wire.ts";

export interface FilesNeeds {
  readonly store: SpaceStore;
  readonly sessions: Pick<Sessions, "handle" | "subscribe" | "get">;
  readonly book: Pick<PeerBook, "byId" | "list" | "subscribe">;
  /** Where files from one's own devices go; made when the first one comes. */
  readonly incoming: string;
  /** A private directory for sendSpooled; made when it is needed. */
  readonly spool: string;
  readonly reader: TreeReader;
  readonly writer: TreeWriter;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when what earlier runs left is known, and goes on with it. */
export async function createFiles(needs: FilesNeeds): Promise<Files> {
  const ledger = await Ledger.load(needs);
  const policies = await Policies.load(needs);
  const removals = await Removals.load({ ...needs, ledger, policies });
  const shares = await Shares.load(needs);
  const links = new Links(needs.sessions);
  const service = new FilesService(needs, { ledger, policies, removals, shares, links });
  await service.start();
  return service;
}

/** What has to be read before anything runs. */
interface Loaded {
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly removals: Removals;
  readonly shares: Shares;
  readonly links: Links;
}

class FilesService implements Files {
  readonly #needs: FilesNeeds;
  readonly #ledger: Ledger;
  readonly #policies: Policies;
  readonly #removals: Removals;
  readonly #shares: Shares;
  readonly #remoteShares: RemoteShares;
  readonly #links: Links;
  readonly #entries: OfferEntries;
  readonly #sources: Sources;
  readonly #serving: Serving;
  readonly #sending: Sending;
  readonly #downloads: Downloads;
  readonly #decisions: Decisions;
  readonly #pausing: Pausing;
  readonly #asking: AskingNeeds;
  readonly #getting: Getting;
  readonly #forgetting: Forgetting;

  constructor(needs: FilesNeeds, { ledger, policies, removals, shares, links }: Loaded) {
    const { store, book, incoming, spool, reader, clock, log } = needs;
    this.#needs = needs;
    this.#ledger = ledger;
    this.#policies = policies;
    this.#removals = removals;
    this.#shares = shares;
    this.#remoteShares = new RemoteShares(needs);
    this.#links = links;
    this.#entries = new OfferEntries({
      store,
      ledger,
      shares,
      remoteShares: this.#remoteShares,
      removals,
      log,
      onOffer: (item) => this.#decisions.see(item),
      onWithdrawn: (item) => this.#decisions.withdrawn(item),
      onDecision: async (item) => {
        if (isOver(item.record.state)) await this.#sending.end(item);
      },
    });
    const entries = this.#entries;
    const sources = (this.#sources = new Sources(store, spool));
    const renew = (item: Item): Promise<void> => entries.write(item);
    this.#serving = new Serving({ store, ledger, sources, reader, shares, clock, renew });
    const resume = (offer: string): Promise<Item> => this.#pausing.resume(offer);
    this.#sending = new Sending({ ledger, book, entries, serving: this.#serving, sources, reader, clock, resume });
    this.#downloads = new Downloads({
      ...{ store, ledger, writer: needs.writer, links, clock, log },
      remoteOf: (record) => this.#remoteShares.sourceOf(record),
      lookAgain: (record, signal) => this.#getting.lookAgain(record, signal),
      tell: (item) => entries.write(item),
    });
    const parts = { sending: this.#sending, downloads: this.#downloads };
    this.#decisions = new Decisions({ ledger, policies, entries, incoming, log, ...parts });
    this.#pausing = new Pausing({ ledger, entries, ...parts });
    this.#asking = { book, links, remoteShares: this.#remoteShares, clock };
    this.#getting = new Getting({ ...this.#asking, ledger, downloads: this.#downloads, pausing: this.#pausing });
    this.#forgetting = new Forgetting({ ledger, entries, log });
  }

  async start(): Promise<void> {
    await this.#sources.start(this.#ledger.all().map(({ record }) => record));
    await this.#removals.start((item) => this.#decisions.endWithPeer(item));
    await forEachAtOnce(this.#ledger.all(), LIMITS.offersAtOnce, (item) => this.#recall(item));
    await this.#entries.start();
    this.#forgetting.start();
    await this.#shares.start();
    this.#needs.sessions.handle(FETCH_ROUTE, (call) => this.#serving.answerFetch(call));
    this.#needs.sessions.handle(WALK_ROUTE, (call) => this.#serving.answerWalk(call));
  }

  async send(peer: PeerId, paths: readonly string[], options: { readonly signal?: AbortSignal } = {}): Promise<Transfer> {
    return this.#view(await this.#sending.send(peer, paths, options));
  }

  async sendSpooled(peer: PeerId, path: string, name: string): Promise<Transfer> {
    return this.#view(await this.#sending.sendSpooled(peer, path, name));
  }

  async offers(): Promise<readonly Offer[]> {
    return this.#ledger.all().map(offerOf);
  }

  async find(idOrNumber: string): Promise<Offer> {
    return offerOf(this.#ledger.find(idOrNumber));
  }

  async accept(offer: string, receiving: Receiving): Promise<Transfer> {
    return this.#view(await this.#decisions.accept(offer, receiving));
  }

  decline(offer: string): Promise<void> {
    return this.#decisions.decline(offer);
  }

  cancel(offer: string): Promise<void> {
    return this.#decisions.cancel(offer);
  }

  async pause(offer: string): Promise<Transfer> {
    return this.#view(await this.#pausing.pause(offer));
  }

  async resume(offer: string): Promise<Transfer> {
    return this.#view(await this.#pausing.resume(offer));
  }

  async transfers(): Promise<readonly Transfer[]> {
    return this.#ledger.all().map((item) => this.#view(item));
  }

  watch(offer: string, { signal }: { readonly signal: AbortSignal }): AsyncIterable<Transfer> {
    const view = (item: Item): Transfer => this.#view(item);
    return watchItem({ ledger: this.#ledger, links: this.#links, view }, offer, signal);
  }

  incoming({ signal }: { readonly signal: AbortSignal }): AsyncIterable<Offer> {
    return watchOffers(this.#ledger, signal);
  }

  policy(peer: PeerId): Policy {
    return this.#policies.of(peer);
  }

  allow(peer: PeerId, policy: Policy): Promise<void> {
    return this.#decisions.allow(peer, policy);
  }

  share(peer: PeerId, path: string, options?: { readonly name?: string; readonly forMs?: number }): Promise<Share> {
    return this.#shares.share(peer, path, options);
  }

  unshare(peer: PeerId, name: string): Promise<void> {
    return this.#shares.unshare(peer, name);
  }

  shares(peer?: PeerId): readonly Share[] {
    return this.#shares.list(peer);
  }

  sharedBy(peer: PeerId): readonly RemoteShare[] {
    return this.#remoteShares.list(peer);
  }

  watchSharedBy(peer: PeerId, { signal }: { readonly signal: AbortSignal }): AsyncIterable<readonly RemoteShare[]> {
    return this.#remoteShares.watch(peer, signal);
  }

  list(peer: PeerId, path: string, options: { readonly deep?: boolean; readonly signal: AbortSignal }): AsyncIterable<Listed> {
    return listShare(this.#asking, peer, path, options);
  }

  async get(peer: PeerId, path: string, options: GetOptions): Promise<Transfer> {
    return this.#view(await this.#getting.get(peer, path, options));
  }

  read(peer: PeerId, path: string, { signal }: { readonly signal: AbortSignal }): AsyncIterable<Buffer> {
    return readShared(this.#asking, peer, path, signal);
  }

  async close(): Promise<void> {
    await Promise.all([this.#removals.close(), this.#forgetting.close()]);
    await this.#entries.close();
    this.#decisions.close();
    await this.#shares.close();
    await Promise.all([this.#downloads.close(), this.#serving.close()]);
    this.#links.close();
  }

  /** What the last run left: transfers go on, and what belongs to none any more is removed. */
  async #recall(item: Item): Promise<void> {
    const { direction, state, temp, token } = item.record;
    const isHeld = temp !== undefined || token !== undefined;
    if (direction === "out") {
      if (isOver(state)) await this.#sending.end(item);
    } else if (state === "waiting") {
      await this.#decisions.see(item);
    } else if (isOver(state)) {
      if (isHeld) await this.#downloads.discard(item);
    } else {
      if (isHeld) await this.#downloads.recall(item);
      this.#downloads.start(item);
    }
  }

  #view(item: Item): Transfer {
    return transferOf({ links: this.#links, clock: this.#needs.clock }, item);
  }
}
