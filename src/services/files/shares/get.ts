// To get something from another peer's share: a transfer like one that was offered and agreed to, but nobody is told of it.
//
//   1. one that was begun and has not ended goes on
//   2. what is at the path now, and how much that is
//   3. a record; then it runs as every other transfer does, and asks for the share under the id that it has then

import { randomBytes } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { createTurns } from "../../../core/async.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { safeFileName } from "../../../blob/names.ts";
import { checkedDirectory } from "../../../blob/placing.ts";
import type { Receiving } from "../contract.ts";
import type { Downloads } from "../downloads/downloads.ts";
import { keptThere } from "../downloads/part.ts";
import type { Item, Ledger } from "../offers/ledger.ts";
import type { Pausing } from "../offers/pausing.ts";
import type { OfferRecord } from "../offers/records.ts";
import { countBelow, lookAt } from "./look-at.ts";
import type { AskingNeeds } from "./remote-walk.ts";
import { isName, parseSharePath, type SharePath } from "./share-path.ts";

interface GettingNeeds extends AskingNeeds {
  readonly ledger: Ledger;
  readonly downloads: Pick<Downloads, "start">;
  readonly pausing: Pick<Pausing, "resume">;
}

export type GetOptions = Omit<Receiving, "size"> & { readonly as?: string; readonly signal?: AbortSignal };
type Target = Pick<OfferRecord, "conflict" | "as"> & { readonly into: string };
type Facts = Pick<OfferRecord, "kind" | "name" | "size" | "mtimeMs" | "executable" | "files" | "roots">;

export class Getting {
  readonly #needs: GettingNeeds;
  readonly #inTurn = createTurns();

  constructor(needs: GettingNeeds) {
    this.#needs = needs;
  }

  async get(peer: PeerId, path: string, { into, as, conflict = "rename", signal }: GetOptions): Promise<Item> {
    const at = parseSharePath(path);
    if (as !== undefined && !isName(as))
      throw new CoveyError("bad-argument", `${JSON.stringify(as)} can't name anything in a directory`, {
        hint: "Name one thing, of up to 255 bytes; the directory is given apart from it.",
      });
    const target = { into: await checkedDirectory(into), as, conflict };
    const begun = this.#begun(peer, at, target);
    if (begun !== undefined && begun.record.state !== "failed") return this.#goOn(begun, { conflict });

    const facts = await factsAt(this.#needs, peer, at, signal ?? new AbortController().signal);
    return this.#inTurn(async () => {
      const same = this.#begun(peer, at, target);
      if (same?.record.kind === facts.kind) return this.#goOn(same, { conflict, ...facts, ...agreedTo(facts) });
      return this.#begin(peer, at, target, facts);
    });
  }

  /** What was asked for as it is now. Rejects as `lookAt` does, and with `not-found` when it is another kind of thing. */
  async lookAgain({ peer, kind, sharePath }: OfferRecord, signal: AbortSignal): Promise<Facts> {
    const facts = await factsAt(this.#needs, peer, parseSharePath(sharePath!), signal);
    if (facts.kind === kind) return facts;
    throw new CoveyError("not-found", `${JSON.stringify(sharePath)} is another kind of thing now`);
  }

  #begun(peer: PeerId, { path }: SharePath, { into, as }: Target): Item | undefined {
    return this.#needs.ledger
      .openWith(peer)
      .findLast(({ record }) => record.sharePath === path && record.into === into && record.as === as);
  }

  async #goOn(item: Item, change: Partial<OfferRecord>): Promise<Item> {
    const { ledger, pausing } = this.#needs;
    const { state, paused } = item.record;
    await ledger.update(item, state === "failed" ? change : { conflict: change.conflict ?? item.record.conflict });
    return state === "failed" || paused ? pausing.resume(item.record.id) : item;
  }

  async #begin(peer: PeerId, at: SharePath, target: Target, facts: Facts): Promise<Item> {
    const { ledger, downloads, clock } = this.#needs;
    const { into, conflict, as } = target;
    const path = join(into, as ?? safeFileName(facts.name));
    const stays = facts.kind === "file" && (await mustStay(path, conflict));
    const item = await ledger.add({
      id: randomBytes(16).toString("hex"),
      peer,
      direction: "in",
      ...facts,
      roots: facts.roots?.map((root) => ({ ...root })),
      offeredAtMs: clock.nowMs(),
      state: "accepted",
      sharePath: at.path,
      into,
      ...(as === undefined ? {} : { as }),
      conflict,
      ...agreedTo(facts),
    });
    if (stays) await ledger.update(item, { state: "done", ...keptThere(path, facts.name) });
    else downloads.start(item);
    return item;
  }
}

async function factsAt(needs: AskingNeeds, peer: PeerId, at: SharePath, signal: AbortSignal): Promise<Facts> {
  const found = await lookAt(needs, peer, at, signal);
  const { path: name, mtimeMs } = found;
  if (found.type === "file") {
    const { size, executable } = found;
    return { kind: "file", name, size, mtimeMs, executable, files: 1, roots: undefined };
  }
  const { files, size } = await countBelow(needs, peer, at, signal);
  const roots = [{ name, kind: "directory" as const, files, bytes: size }];
  return { kind: "tree", name, size, mtimeMs, executable: false, files, roots };
}

/** Whoever asks for something agrees to it as it is then. */
const agreedTo = ({ size, files }: Facts): Pick<OfferRecord, "agreedBytes" | "agreedFiles"> => ({
  agreedBytes: size,
  agreedFiles: files,
});

/** Whether the file that is there is to stay. Rejects with `conflict` when what should be replaced is no file. */
async function mustStay(path: string, conflict: OfferRecord["conflict"]): Promise<boolean> {
  if (conflict === "rename") return false;
  try {
    const found = await lstat(path);
    if (conflict === "skip") return true;
    if (found.isFile()) return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw fromPlatform(error, `look at ${JSON.stringify(path)}`);
  }
  throw new CoveyError("conflict", `${JSON.stringify(path)} is not a file, and is not replaced by one`, {
    hint: "Choose another name or directory for it.",
  });
}
