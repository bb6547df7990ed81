// What this peer sends: offers made from paths.
//
//   paths ⇒ what is behind them ⇒ record ⇒ entry; the other side then asks for it: fetch/serve.ts

import { randomBytes } from "node:crypto";
import { realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";

import { Source } from "../../../blob/source.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import type { PeerBook } from "../../../identity/contract.ts";
import type { Serving } from "../fetch/serve.ts";
import type { Item, Ledger } from "../offers/ledger.ts";
import type { OfferEntries } from "../offers/offer-entries.ts";

interface SendingNeeds {
  readonly ledger: Ledger;
  readonly book: Pick<PeerBook, "byId">;
  readonly entries: Pick<OfferEntries, "write">;
  readonly serving: Serving;
  readonly clock: Clock;
}

export class Sending {
  readonly #needs: SendingNeeds;

  constructor(needs: SendingNeeds) {
    this.#needs = needs;
  }

  async send(peer: PeerId, paths: readonly string[]): Promise<Item> {
    const [path] = paths;
    if (path === undefined || paths.length > 1) throw later();
    const { ledger, book, entries, clock } = this.#needs;
    if (book.byId(peer) === undefined) throw new CoveyError("not-paired", "that peer is not paired with this one");
    const named = resolve(path);
    const source = await realpath(named).catch((error: unknown) => {
      throw fromPlatform(error, `read ${JSON.stringify(named)}`);
    });
    const opened = await Source.open(source);
    await opened.close();
    const { size, mtimeMs, executable, token } = opened.version;
    const item = await ledger.add({
      id: randomBytes(16).toString("hex"),
      peer,
      direction: "out",
      name: basename(named),
      size,
      mtimeMs,
      executable,
      offeredAtMs: clock.nowMs(),
      state: "waiting",
      path: source,
      token,
    });
    await entries.write(item);
    return item;
  }

  async sendSpooled(_peer: PeerId, _path: string, _name: string): Promise<Item> {
    throw later();
  }

  /** Cuts what is being sent of the offer. */
  stop(item: Item): Promise<void> {
    return this.#needs.serving.stop(item);
  }

  /** For an offer that is over: what was kept to serve it goes. */
  end(item: Item): Promise<void> {
    return this.#needs.serving.end(item);
  }
}

const later = (): CoveyError => new CoveyError("internal", "this part is on its way");
