// Files between paired peers: offers are entries, the receiver pulls, and both sides say what they know.
//
//   send ⇒ record, entry ⇒ the other side ⇒ accept or decline ⇒ record, entry
//   accept ⇒ downloads.ts ⇒ fetch.ts ⇒ the other side's serve.ts; done ⇒ record, entry ⇒ the sender

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";

import type { Clock } from "../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import type { Logger } from "../../core/log.ts";
import { safeFileName } from "../../blob/names.ts";
import { Source } from "../../blob/source.ts";
import type { PeerBook } from "../../identity/contract.ts";
import type { Sessions } from "../../session/contract.ts";
import type { SpaceStore } from "../../space/contract.ts";
import type { Files, Listed, Offer, Policy, Receiving, RemoteShare, Share, Transfer } from "./contract.ts";
import { Downloads } from "./downloads/downloads.ts";
import { isOver, Ledger, offerOf, type Item } from "./offers/ledger.ts";
import { Links } from "./downloads/links.ts";
import { OfferEntries } from "./offers/offer-entries.ts";
import { Serving } from "./fetch/serve.ts";
import { watchItem, watchOffers } from "./offers/watch.ts";
import { FETCH_ROUTE } from "./fetch/wire.ts";

export interface FilesNeeds {
  readonly store: SpaceStore;
  readonly sessions: Pick<Sessions, "handle" | "subscribe" | "get">;
  readonly book: Pick<PeerBook, "byId" | "subscribe">;
  /** Where files from one's own devices go; made when the first one comes. */
  readonly incoming: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when what earlier runs left is known, and goes on with it. */
export async function createFiles(needs: FilesNeeds): Promise<Files> {
  const ledger = await Ledger.load(needs.store, needs.clock);
  const links = new Links(needs.sessions);
  const service = new FilesService(needs, ledger, links);
  await service.start();
  return service;
}

class FilesService implements Files {
  readonly #needs: FilesNeeds;
  readonly #ledger: Ledger;
  readonly #links: Links;
  readonly #serving: Serving;
  readonly #downloads: Downloads;
  readonly #entries: OfferEntries;

  constructor(needs: FilesNeeds, ledger: Ledger, links: Links) {
    const { store, clock, log } = needs;
    this.#needs = needs;
    this.#ledger = ledger;
    this.#links = links;
    this.#serving = new Serving({ store, ledger, clock, renew: (item) => this.#entries.write(item) });
    this.#downloads = new Downloads({ store, ledger, links, clock, log, onOver: (item) => this.#entries.write(item) });
    this.#entries = new OfferEntries({
      store,
      ledger,
      log,
      onOffer: (item) => this.#acceptOwn(item),
      onWithdrawn: async (item) => {
        await this.#giveUp(item, "withdrawn");
        await this.#ledger.dropWithdrawn(item.record.peer);
        this.#entries.lookAgain(item.record.peer);
      },
      onDecision: async (item) => {
        if (isOver(item.record.state)) await this.#serving.end(item);
      },
    });
  }

  async start(): Promise<void> {
    for (const item of this.#ledger.all()) await this.#recall(item);
    await this.#entries.start();
    this.#needs.sessions.handle(FETCH_ROUTE, (call) => this.#serving.answer(call));
  }

  async send(peer: PeerId, paths: readonly string[]): Promise<Transfer> {
    const [path] = paths;
    if (path === undefined || paths.length > 1) throw later();
    if (this.#needs.book.byId(peer) === undefined) throw new CoveyError("not-paired", "that peer is not paired with this one");
    const named = resolve(path);
    const source = await realpath(named).catch((error: unknown) => {
      throw fromPlatform(error, `read ${JSON.stringify(named)}`);
    });
    const opened = await Source.open(source);
    await opened.close();
    const { size, mtimeMs, token } = opened.version;
    const item = await this.#ledger.add({
      id: randomBytes(16).toString("hex"),
      peer,
      direction: "out",
      name: basename(named),
      size,
      mtimeMs,
      offeredAtMs: this.#needs.clock.nowMs(),
      state: "waiting",
      path: source,
      token,
    });
    await this.#entries.write(item);
    return this.#transferOf(item);
  }

  async offers(): Promise<readonly Offer[]> {
    return this.#ledger.all().map(offerOf);
  }

  async accept(offer: string, { into, size }: Receiving): Promise<Transfer> {
    const item = this.#received(offer);
    await this.#accept(item, into, size ?? item.record.size);
    return this.#transferOf(item);
  }

  async decline(offer: string): Promise<void> {
    await this.#decide(this.#received(offer), { state: "declined" });
  }

  async cancel(offer: string): Promise<void> {
    const item = this.#ledger.find(offer);
    if (isOver(item.record.state)) throw over(item);
    if (!(await this.#giveUp(item, item.record.direction === "out" ? "withdrawn" : "declined"))) throw over(item);
  }

  async transfers(): Promise<readonly Transfer[]> {
    return this.#ledger.all().map((item) => this.#transferOf(item));
  }

  watch(offer: string, { signal }: { readonly signal: AbortSignal }): AsyncIterable<Transfer> {
    const { book } = this.#needs;
    const view = (item: Item): Transfer => this.#transferOf(item);
    return watchItem({ ledger: this.#ledger, links: this.#links, book, view }, offer, signal);
  }

  incoming({ signal }: { readonly signal: AbortSignal }): AsyncIterable<Offer> {
    return watchOffers(this.#ledger, signal);
  }

  async sendSpooled(): Promise<Transfer> {
    throw later();
  }

  async pause(): Promise<Transfer> {
    throw later();
  }

  async resume(): Promise<Transfer> {
    throw later();
  }

  policy(peer: PeerId): Policy {
    const mine = this.#needs.book.byId(peer)?.mine === true;
    return mine ? { offers: "take", into: this.#needs.incoming, upToBytes: undefined } : { offers: "ask" };
  }

  async allow(): Promise<void> {
    throw later();
  }

  async share(): Promise<Share> {
    throw later();
  }

  async unshare(): Promise<void> {
    throw later();
  }

  shares(): readonly Share[] {
    return [];
  }

  sharedBy(): readonly RemoteShare[] {
    return [];
  }

  list(): AsyncIterable<Listed> {
    throw later();
  }

  async get(): Promise<Transfer> {
    throw later();
  }

  read(): AsyncIterable<Buffer> {
    throw later();
  }

  async close(): Promise<void> {
    await this.#entries.close();
    await Promise.all([this.#downloads.close(), this.#serving.close()]);
    this.#links.close();
  }

  /** What the last run left: transfers go on, and what belongs to none any more is removed. */
  async #recall(item: Item): Promise<void> {
    const { direction, state } = item.record;
    if (direction === "out") {
      if (isOver(state)) await this.#serving.end(item);
    } else if (state === "accepted") {
      await this.#downloads.recall(item);
      this.#downloads.start(item);
    } else if (state === "waiting") {
      await this.#acceptOwn(item);
    } else if (item.record.temp !== undefined || item.record.token !== undefined) {
      await this.#downloads.discard(item);
    }
  }

  /** Files of one's own devices are taken without asking. */
  async #acceptOwn(item: Item): Promise<void> {
    const { record } = item;
    if (this.#needs.book.byId(record.peer)?.mine !== true) return;
    try {
      await mkdir(this.#needs.incoming, { recursive: true });
      await this.#accept(item, this.#needs.incoming, undefined);
    } catch (error) {
      this.#needs.log.warn({ offer: record.id, error: String(error) }, "a file of an own device could not be taken; it waits");
    }
  }

  async #accept(item: Item, into: string, agreedBytes: number | undefined): Promise<void> {
    const directory = await checkedDirectory(into);
    await this.#decide(item, { state: "accepted", into: directory, agreedBytes, problem: undefined });
    this.#downloads.start(item);
  }

  #received(offer: string): Item {
    const item = this.#ledger.find(offer);
    if (item.record.direction === "in") return item;
    throw new CoveyError("bad-argument", "this offer was made here", { hint: "`covey cancel` takes it back." });
  }

  /** From waiting, or from failed, to something else; everything else has been decided. */
  async #decide(item: Item, change: Pick<Item["record"], "state" | "into" | "agreedBytes" | "problem">): Promise<void> {
    const decided = await this.#ledger.update(item, ({ state }) =>
      state === "waiting" || state === "failed" ? change : undefined,
    );
    if (!decided) throw over(item);
    await this.#entries.write(item);
    this.#entries.lookAgain(item.record.peer);
  }

  /** Stops whatever runs, notes it, tells the other side, and removes what is left; false when it was over before. */
  async #giveUp(item: Item, state: "withdrawn" | "declined"): Promise<boolean> {
    await Promise.all([this.#downloads.stop(item), this.#serving.stop(item)]);
    const given = await this.#ledger.update(item, (record) => (isOver(record.state) ? undefined : { state, problem: undefined }));
    if (!given) return false;
    await this.#entries.write(item);
    if (item.record.direction === "out") await this.#serving.end(item);
    else await this.#downloads.discard(item);
    return true;
  }

  #transferOf(item: Item): Transfer {
    const { record } = item;
    const { direction, state, name, into, path, blake3, problem } = record;
    return {
      offer: offerOf(item),
      doneBytes: state === "done" ? record.size : item.doneBytes,
      resumedBytes: item.resumedBytes,
      bytesPerSecond: isOver(state) ? 0 : item.rate.at(this.#needs.clock.monotonicMs()),
      connected: this.#links.get(record.peer) !== undefined,
      paused: undefined,
      notes: { count: 0, first: [] },
      path: direction === "out" ? undefined : (path ?? (into === undefined ? undefined : join(into, safeFileName(name)))),
      blake3,
      problem:
        problem === undefined
          ? undefined
          : { code: problem.code, message: problem.message, ...(problem.hint === undefined ? {} : { hint: problem.hint }) },
    };
  }
}

const later = (): CoveyError => new CoveyError("internal", "this part is on its way");

const over = ({ record }: Item): CoveyError => new CoveyError("conflict", `this offer is already ${record.state}`);

/** The directory behind any links in its path. Rejects with `bad-argument` for what can't take a file. */
async function checkedDirectory(into: string): Promise<string> {
  const bad = (problem: string): CoveyError =>
    new CoveyError("bad-argument", `can't receive into ${JSON.stringify(into)}: ${problem}`, {
      hint: "Name a directory that you may write to.",
    });
  if (!isAbsolute(into)) throw bad("the path is not absolute");
  try {
    const directory = await realpath(into);
    if (!(await stat(directory)).isDirectory()) throw bad("it is not a directory");
    await access(directory, constants.W_OK | constants.X_OK);
    return directory;
  } catch (error) {
    throw error instanceof CoveyError ? error : bad((error as Error).message);
  }
}
