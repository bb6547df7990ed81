// What this peer sends: offers made from paths.
//
//   paths ⇒ what is behind them ⇒ what it is: one file, or a tree ⇒ record ⇒ entry; the other side then asks for it: fetch/serve.ts

import { randomBytes } from "node:crypto";

import { Source } from "../../../blob/source.ts";
import type { TreeReader, TreeRoot } from "../../../blob/tree/contract.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { Serving } from "../fetch/serve.ts";
import type { Item, Ledger } from "../offers/ledger.ts";
import type { OfferEntries } from "../offers/offer-entries.ts";
import { sourcesKey, type OfferRecord } from "../offers/records.ts";
import { addNotes } from "../trees/tree-records.ts";
import { isRegularFile, rootsOf } from "./roots.ts";
import type { Sources } from "./sources.ts";

interface SendingNeeds {
  readonly ledger: Ledger;
  readonly book: Pick<PeerBook, "byId">;
  readonly entries: Pick<OfferEntries, "write">;
  readonly serving: Serving;
  readonly sources: Sources;
  readonly reader: TreeReader;
  readonly clock: Clock;
  /** Lets an open offer go on. Rejects with `conflict` when it is over. */
  resume(offer: string): Promise<unknown>;
}

/** What an offer says of the thing that is offered. */
type Facts = Pick<OfferRecord, "kind" | "name" | "size" | "mtimeMs" | "token"> & Partial<OfferRecord>;

export class Sending {
  readonly #needs: SendingNeeds;

  constructor(needs: SendingNeeds) {
    this.#needs = needs;
  }

  async send(
    peer: PeerId,
    named: readonly string[],
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal },
  ): Promise<Item> {
    if (named.length === 0)
      throw new CoveyError("bad-argument", "there is nothing to send", { hint: "Name files or directories." });
    if (named.length > LIMITS.sendPaths)
      throw new CoveyError("limit", `${named.length} paths are more than the limit sendPaths (${LIMITS.sendPaths})`, {
        hint: "Send the directory that they are in.",
      });
    this.#assertPaired(peer);
    const roots = await rootsOf(named);
    const [first] = roots;
    const kind = roots.length === 1 && (await isRegularFile(first!.path)) ? "file" : "tree";
    const paths = roots.map(({ path }) => path);
    const facts = kind === "file" ? await fileFacts(first!) : await this.#treeFacts(roots, signal);
    const open = this.#needs.ledger.openOffer(peer, paths);
    if (open?.record.kind === kind && !mayBeThere(open.record, facts) && (await this.#goOn(open, facts))) return open;

    const id = randomBytes(16).toString("hex");
    if (kind === "tree") await this.#needs.sources.saveRoots(id, roots);
    return this.#offer(peer, id, { ...facts, sources: sourcesKey(paths) });
  }

  async sendSpooled(peer: PeerId, path: string, name: string): Promise<Item> {
    this.#assertPaired(peer);
    if (!this.#needs.sources.isSpooled(path))
      throw new CoveyError("bad-argument", `${JSON.stringify(path)} is not in this peer's directory for that`);
    const facts = await fileFacts({ name, path });
    return this.#offer(peer, randomBytes(16).toString("hex"), { ...facts, spooled: true });
  }

  /** Cuts what is being sent of the offer. */
  stop(item: Item): Promise<void> {
    return this.#needs.serving.stop(item.record.id);
  }

  /** For an offer that is over: what was kept to serve it goes. */
  end(item: Item): Promise<void> {
    return this.#needs.serving.end(item);
  }

  /** Whoever sends it again wants it to go on; false when it is over this moment. */
  async #goOn(open: Item, facts: Facts): Promise<boolean> {
    const { ledger } = this.#needs;
    try {
      // What a tree has become is seen only here; a file's offer is renewed when it is read.
      await ledger.update(open, ({ state }) =>
        facts.kind === "tree" && (state === "waiting" || state === "failed") ? facts : undefined,
      );
      await this.#needs.resume(open.record.id);
      return true;
    } catch (error) {
      if (error instanceof CoveyError && error.code === "conflict") return false;
      throw error;
    }
  }

  async #offer(peer: PeerId, id: string, facts: Facts): Promise<Item> {
    const { ledger, entries, clock } = this.#needs;
    const item = await ledger.add({ id, peer, direction: "out", ...facts, offeredAtMs: clock.nowMs(), state: "waiting" });
    await entries.write(item);
    return item;
  }

  async #treeFacts(roots: readonly TreeRoot[], signal: AbortSignal): Promise<Facts> {
    const { files, bytes: size, roots: shown, rootCount, notes } = await this.#needs.reader.scan(roots, { signal });
    const preview = shown.slice(0, LIMITS.offerRoots).map((root) => ({ ...root }));
    const { count, first } = addNotes({ count: 0, first: [] }, notes.first, notes.count);
    const kept = { count, first: [...first] };
    return { kind: "tree", name: roots[0]!.name, size, mtimeMs: 0, token: TREE, files, roots: preview, rootCount, notes: kept };
  }

  #assertPaired(peer: PeerId): void {
    if (this.#needs.book.byId(peer) === undefined) throw new CoveyError("not-paired", "that peer is not paired with this one");
  }
}

/** Of what was agreed to, the end has been sent, of another version: that one may be whole over there, and only not be heard of yet. */
const mayBeThere = ({ kind, state, blob, token }: OfferRecord, now: Facts): boolean =>
  kind === "file" && state === "accepted" && blob !== undefined && token !== now.token;

/** A tree has no version; that there is one says that its roots are on record. */
const TREE = "tree";

async function fileFacts({ name, path }: TreeRoot): Promise<Facts> {
  const source = await Source.open(path);
  await source.close();
  const { size, mtimeMs, executable, token } = source.version;
  return { kind: "file", name, path, size, mtimeMs, executable, token };
}
