// One file that is received: its missing blocks, and when they are all here, its place.

import type { Session } from "../../../session/contract.ts";
import { fetchMissing } from "../fetch/fetch.ts";
import { faultOf, fromPeer } from "../fetch/remote.ts";
import type { Item } from "../offers/ledger.ts";
import type { OfferRecord } from "../offers/records.ts";
import type { Incoming, IncomingNeeds, Step } from "./incoming.ts";
import { Part } from "./part.ts";

export class IncomingFile implements Incoming {
  readonly #needs: IncomingNeeds;
  readonly #item: Item;
  readonly #part: Part;
  #isPlaced = false;

  private constructor(needs: IncomingNeeds, item: Item, part: Part) {
    this.#needs = needs;
    this.#item = item;
    this.#part = part;
  }

  static async open(needs: IncomingNeeds, item: Item, signal: AbortSignal): Promise<IncomingFile> {
    return new IncomingFile(needs, item, await Part.open(needs, item, signal));
  }

  get doneBytes(): number {
    return this.#part.blocks.manifest.knownBytes;
  }

  get missingBytes(): number {
    return this.#part.blocks.manifest.size - this.doneBytes;
  }

  get isSpoilt(): boolean {
    return this.#part.isSpoilt;
  }

  fits({ size }: OfferRecord): boolean {
    return this.#part.blocks.manifest.size === size;
  }

  async advance(session: Session, placeWanted: () => boolean, signal: AbortSignal): Promise<Step> {
    const { ledger, clock, remoteOf } = this.#needs;
    const { blocks } = this.#part;
    const { record } = this.#item;
    const remote = await fromPeer(() => remoteOf(record)).catch(faultOf);
    if ("type" in remote) return remote;
    const outcome = await fetchMissing(
      {
        clock,
        placeWanted,
        onToken: async (token) => void (await ledger.update(this.#item, { token })),
        onBlock: (bytes) => ledger.progress(this.#item, this.doneBytes, bytes),
      },
      session,
      { ...remote, size: record.size, token: record.token },
      blocks,
      signal,
    );
    if (outcome.type !== "complete") return outcome;
    if (!blocks.manifest.complete) return { type: "more" };
    await this.#part.finish(outcome.blob, signal);
    this.#isPlaced = true;
    return { type: "done" };
  }

  checkpoint(): Promise<void> {
    return this.#part.blocks.checkpoint();
  }

  async close(options: { readonly save: boolean }): Promise<void> {
    if (!this.#isPlaced) await this.#part.close(options);
  }
}
