// A tree that is received, into a staging directory that nobody else sees:
//
//   1. open: where the last checkpoint left it, or from nothing
//   2. walk: packs from behind the last path, each verified and written; now and then a checkpoint: flush, then save the path
//   3. large files, when many wait or the walk has ended: large-files.ts; then walk on
//   4. all here: the roots go into their places, that is noted, the staging directory goes, and only then it is told

import { CoveyError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Staging } from "../../../blob/tree/contract.ts";
import { parentOf } from "../../../blob/tree/paths.ts";
import type { Session } from "../../../session/contract.ts";
import type { Incoming, IncomingNeeds, Step } from "../downloads/incoming.ts";
import { partialPath } from "../downloads/part.ts";
import { faultOf, fromPeer, RemoteError, type RemoteFault } from "../fetch/remote.ts";
import type { Item } from "../offers/ledger.ts";
import { Agreement } from "./agreement.ts";
import { discardTree, removeTree } from "./discard-tree.ts";
import { LargeFiles, type TreeSource } from "./large-files.ts";
import { TreeProgress } from "./tree-progress.ts";
import { addNotes, begunBytes } from "./tree-records.ts";
import { Walk } from "./walk.ts";

export class IncomingTree implements Incoming {
  readonly #needs: IncomingNeeds;
  readonly #item: Item;
  readonly #staging: Staging;
  readonly #progress: TreeProgress;
  readonly #large: LargeFiles;
  /** In this session: in another one the sender may be new, too, and hears on the walk what is here. */
  #isWalked = false;
  #session: Session | undefined;
  /** What is in the staging directory behind the last checkpoint is not known. */
  #isBroken = false;
  #isPlaced = false;

  private constructor(needs: IncomingNeeds, item: Item, staging: Staging, progress: TreeProgress, begun: Map<string, number>) {
    this.#needs = needs;
    this.#item = item;
    this.#staging = staging;
    this.#progress = progress;
    const onBlock = (bytes: number): void => needs.ledger.progress(item, this.doneBytes, bytes);
    this.#large = new LargeFiles({ ...needs, onBlock }, item.record.id, staging, progress, begun);
  }

  /** Rejects with what the file system says. */
  static async open(needs: IncomingNeeds, item: Item, signal: AbortSignal): Promise<IncomingTree> {
    const { ledger, writer } = needs;
    const { id, temp, into } = item.record;
    if (into === undefined) throw new CoveyError("internal", "an accepted offer has no directory");
    const progress = await TreeProgress.load(needs, id);
    if (temp !== undefined) {
      const { after } = progress.state;
      const staging = await writer.reopen(temp, { after, large: [...progress.waiting.values()] }, { signal });
      if (staging !== undefined)
        return new IncomingTree(needs, item, staging, progress, await begunBytes(needs.store, id, progress.waiting));
      await discardTree(needs, item);
    }
    const staging = await writer.create(partialPath(into, id), { signal });
    const tree = new IncomingTree(needs, item, staging, await TreeProgress.load(needs, id), new Map());
    try {
      await ledger.update(item, { temp: { ...staging.id } });
    } catch (error) {
      await tree.close({ save: false });
      throw error;
    }
    return tree;
  }

  get doneBytes(): number {
    return this.#progress.state.bytes + this.#large.doneBytes;
  }

  /** Never: when it is opened again, it goes back to its last flush that did not fail. */
  get isSpoilt(): boolean {
    return false;
  }

  get missingBytes(): number {
    if (this.#staging.isPlacing) return 0;
    const waiting = [...this.#progress.waiting.values()].reduce((sum, { size }) => sum + size, 0);
    if (this.#isWalked) return waiting - this.#large.doneBytes;
    return Math.max(0, this.#item.record.size - this.doneBytes);
  }

  /** Whatever changes at the sender's: what is here has come from it. */
  fits(): boolean {
    return true;
  }

  async advance(session: Session, placeWanted: () => boolean, signal: AbortSignal): Promise<Step> {
    const source = await fromPeer(() => this.#source()).catch(faultOf);
    if ("type" in source) return source;
    if (session !== this.#session) this.#isWalked = false;
    this.#session = session;
    const { waiting } = this.#progress;
    while (!this.#staging.isPlacing && !(this.#isWalked && waiting.size === 0)) {
      const isFull = waiting.size >= LIMITS.treeLargeWaiting;
      const stop = await (this.#isWalked || isFull
        ? this.#bringLarge(source, session, placeWanted, signal)
        : this.#walk(source, session, placeWanted, signal));
      if (stop !== undefined) return stop;
    }
    return this.#place(signal);
  }

  async checkpoint(): Promise<void> {
    if (this.#isBroken || this.#isPlaced) return;
    await this.#progress.checkpoint(this.#staging);
    await this.#large.checkpoint();
  }

  async close({ save }: { readonly save: boolean }): Promise<void> {
    if (this.#isPlaced) return;
    try {
      if (save) await this.checkpoint();
    } finally {
      await this.#large.close({ save: false });
      await this.#staging.close();
    }
  }

  #source(): TreeSource & { readonly path: string } {
    const { offer, path = "" } = this.#needs.remoteOf(this.#item.record);
    const parent = parentOf(path);
    return { offer, path, base: parent === "" ? "" : `${parent}/` };
  }

  /** To its end, or until many large files wait. */
  async #walk(
    { offer, path }: TreeSource & { readonly path: string },
    session: Session,
    placeWanted: () => boolean,
    signal: AbortSignal,
  ): Promise<Step | undefined> {
    const { after } = this.#progress.state;
    const args = { offer, path, content: true, deep: true, ...(after === undefined ? {} : { after }) };
    const needs = { clock: this.#needs.clock, placeWanted };
    try {
      const walk = await Walk.open(needs, session, args, signal);
      const grown = await this.#take(walk);
      return grown === undefined ? undefined : { type: "grown", message: grown };
    } catch (error) {
      return faultOf(error);
    }
  }

  /** Writes the packs as they come, a few ahead. Resolves to how it has become more than what was agreed to. */
  async #take(walk: Walk): Promise<string | undefined> {
    const agreement = new Agreement(this.#item.record, this.#progress);
    const writes: Promise<void>[] = [];
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      walk.cut();
    };
    try {
      walk.tell(this.doneBytes);
      while (this.#progress.waiting.size < LIMITS.treeLargeWaiting) {
        const pack = await walk.next();
        if (pack === undefined) {
          await Promise.all(writes);
          this.#isWalked = true;
          void walk.leave(this.doneBytes);
          return undefined;
        }
        const grown = await fromPeer(() => agreement.take(pack));
        if (grown !== undefined) {
          walk.cut();
          await Promise.all(writes);
          return grown;
        }
        const write = this.#write(pack, walk);
        write.catch(fail);
        writes.push(write);
        if (writes.length >= LIMITS.treePacksAhead) await writes.shift();
      }
      await Promise.all(writes);
      walk.cut();
      return undefined;
    } catch (error) {
      walk.cut();
      await Promise.allSettled(writes);
      throw failure ?? error;
    }
  }

  async #write(pack: Buffer, walk: Walk): Promise<void> {
    const { ledger } = this.#needs;
    // Writing gives the pack away.
    const packBytes = pack.length;
    try {
      const written = await this.#staging.write(pack);
      this.#progress.add(written, packBytes);
      ledger.progress(this.#item, this.doneBytes, written.bytes);
      walk.tell(this.doneBytes);
      if (this.#progress.isDue) await this.#progress.checkpoint(this.#staging);
    } catch (error) {
      this.#isBroken = true;
      const theirs = error instanceof CoveyError && (error.code === "protocol" || error.code === "integrity");
      throw theirs ? new RemoteError(error) : error;
    }
  }

  async #bringLarge(
    source: TreeSource,
    session: Session,
    placeWanted: () => boolean,
    signal: AbortSignal,
  ): Promise<RemoteFault | undefined> {
    await this.#progress.checkpoint(this.#staging);
    return this.#large.bring(source, session, placeWanted, signal);
  }

  async #place(signal: AbortSignal): Promise<Step> {
    const { ledger } = this.#needs;
    const { into, conflict, as, rootCount } = this.#item.record;
    if (!this.#staging.isPlacing) await this.checkpoint();
    const placed = await this.#staging.place(into!, { conflict, signal, ...(as === undefined ? {} : { as }) });
    // Not even what could not be placed: every root is gone over there.
    if (placed.paths.length === 0 && placed.notes.count === 0)
      return { type: "peer", error: new CoveyError("not-found", "nothing of it is there any more") };
    const notes = addNotes(this.#progress.state.notes, placed.notes.first, placed.notes.count);
    const path = rootCount === 1 && placed.paths.length === 1 ? placed.paths[0] : into;
    const noted = { count: notes.count, first: [...notes.first] };
    await ledger.finish(this.#item, { state: "done", path, notes: noted, problem: undefined }, async () => {
      this.#isPlaced = true;
      await this.#staging.close();
      await removeTree(this.#needs, this.#item.record);
    });
    return { type: "done" };
  }
}
