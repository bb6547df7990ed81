// The paired peers: held in memory, and in one private JSON file that each change replaces as a whole before it counts.
//
//  1. load: refuse what is newer, damaged or readable by others, and leave it alone
//  2. a change waits for those before it, makes the next list from the current one, and checks it by the schema of loading
//  3. the file is replaced and flushed; only then does the list in memory change and the caller hear of it

import { isDeepStrictEqual } from "node:util";

import * as v from "valibot";

import { createTurns } from "../core/async.ts";
import { replaceFile, sweepTemporaries } from "../core/atomic-file.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import type { PeerId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { createListeners } from "../core/listeners.ts";
import { parse } from "../core/parse.ts";
import { printable } from "../core/text.ts";
import type { PairedPeer, PeerBook } from "./contract.ts";
import type { Home } from "./home-names.ts";
import { foldedName, numberedName, parsePeerName } from "./names.ts";
import { looksLikePeerId, parsePeerId } from "./peer-id.ts";
import { readPrivateFile } from "./private-file.ts";

const VERSION = 1;
const MAX_FILE_BYTES = 16 * 1024 * 1024;

const peerIdSchema = v.pipe(
  v.string(),
  v.check((text) => isPeerId(text), "is not a peer id"),
  v.transform((text) => text as PeerId),
);
const recordSchema = v.strictObject({
  peerId: peerIdSchema,
  name: v.pipe(v.string(), v.nonEmpty(), v.maxBytes(LIMITS.peerNameBytes)),
  mine: v.boolean(),
  addresses: v.pipe(
    v.array(v.pipe(v.string(), v.nonEmpty(), v.maxBytes(LIMITS.addressBytes))),
    v.maxLength(LIMITS.dialAddresses),
  ),
  pairedAtMs: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  secret: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "is not 32 bytes in hex")),
});
const fileSchema = v.strictObject({
  version: v.literal(VERSION),
  peers: v.pipe(v.array(recordSchema), v.maxLength(LIMITS.pairedPeers)),
});

type PeerRecord = v.InferOutput<typeof recordSchema>;
type Records = ReadonlyMap<PeerId, PeerRecord>;

/** Only for who holds the home's lock. Rejects with `version`, `integrity` (damaged), `home-unsafe`, or `io`. */
export async function openPeerBook(home: Pick<Home, "peers">): Promise<PeerBook> {
  const text = await readPrivateFile(home.peers, MAX_FILE_BYTES);
  await sweepTemporaries(home.peers);
  return new FilePeerBook(home.peers, text === undefined ? new Map() : parseFile(home.peers, text));
}

class FilePeerBook implements PeerBook {
  readonly #path: string;
  readonly #listeners = createListeners<void>();
  readonly #inTurn = createTurns();
  #records: Records;

  constructor(path: string, records: Records) {
    this.#path = path;
    this.#records = records;
  }

  list(): readonly PairedPeer[] {
    return [...this.#records.values()].map(withoutSecret);
  }

  byId(peer: PeerId): PairedPeer | undefined {
    const record = this.#records.get(peer);
    return record === undefined ? undefined : withoutSecret(record);
  }

  find(nameOrId: string): PairedPeer | undefined {
    if (looksLikePeerId(nameOrId)) return this.byId(nameOrId.toLowerCase() as PeerId);
    const record = called(this.#records, nameOrId);
    return record === undefined ? undefined : withoutSecret(record);
  }

  secret(peer: PeerId): Buffer | undefined {
    const record = this.#records.get(peer);
    return record === undefined ? undefined : fromHex(record.secret);
  }

  async add(peer: PairedPeer & { readonly secret: Uint8Array }, { again = false } = {}): Promise<PairedPeer> {
    return this.#put((records) => {
      if (again && !records.has(peer.peerId)) {
        throw new CoveyError("not-paired", "the peer was removed", { hint: "Pair again, with a new ticket." });
      }
      return {
        peerId: peer.peerId,
        name: freeName(records, parsePeerName(peer.name), peer.peerId),
        mine: peer.mine,
        addresses: peer.addresses.slice(0, LIMITS.dialAddresses),
        pairedAtMs: peer.pairedAtMs,
        secret: toHex(peer.secret),
      };
    });
  }

  async update(peer: PeerId, change: Partial<Pick<PairedPeer, "name" | "mine" | "addresses">>): Promise<PairedPeer> {
    return this.#put((records) => {
      const record = records.get(peer);
      if (record === undefined) throw new CoveyError("not-found", "that peer is not paired with this device");
      return {
        ...record,
        name: change.name === undefined ? record.name : untakenName(records, parsePeerName(change.name), peer),
        mine: change.mine ?? record.mine,
        addresses: (change.addresses ?? record.addresses).slice(0, LIMITS.dialAddresses),
      };
    });
  }

  async remove(peer: PeerId): Promise<void> {
    await this.#inTurn(async () => {
      const records = new Map(this.#records);
      if (records.delete(peer)) await this.#save(records);
    });
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  #put(make: (records: Records) => PeerRecord): Promise<PairedPeer> {
    return this.#inTurn(async () => {
      const record = parse(recordSchema, make(this.#records), "a paired peer", "bad-argument");
      const changed = !isDeepStrictEqual(record, this.#records.get(record.peerId));
      if (changed) await this.#save(new Map(this.#records).set(record.peerId, record));
      return withoutSecret(record);
    });
  }

  async #save(records: Records): Promise<void> {
    if (records.size > LIMITS.pairedPeers)
      throw new CoveyError("limit", `this device is paired with ${LIMITS.pairedPeers} peers already`);
    const file = { version: VERSION, peers: [...records.values()] } satisfies v.InferOutput<typeof fileSchema>;
    await replaceFile(this.#path, `${JSON.stringify(file, undefined, 2)}\n`);
    this.#records = records;
    this.#listeners.emit();
  }
}

function parseFile(path: string, text: string): Records {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged(path, "it is not JSON");
  }
  if (isNewer(json)) {
    throw new CoveyError("version", printable(`${path} was written by a newer covey`), { hint: "Update covey on this device." });
  }
  const result = v.safeParse(fileSchema, json, { abortEarly: true });
  if (!result.success) throw damaged(path, `${v.getDotPath(result.issues[0]) ?? "it"}: ${result.issues[0].message}`);
  const records = new Map(result.output.peers.map((record) => [record.peerId, record]));
  const names = new Set(result.output.peers.map((record) => foldedName(record.name)));
  if (records.size < result.output.peers.length || names.size < records.size)
    throw damaged(path, "it lists a peer or a name twice");
  return records;
}

const isNewer = (json: unknown): boolean =>
  typeof json === "object" &&
  json !== null &&
  "version" in json &&
  Number.isSafeInteger(json.version) &&
  Number(json.version) > VERSION;

const damaged = (path: string, problem: string): CoveyError =>
  new CoveyError("integrity", printable(`the list of paired peers in ${path} is damaged (${problem}); it was left as it is`), {
    hint: "Put it back from a backup, or move it away and pair again.",
  });

function withoutSecret({ peerId, name, mine, addresses, pairedAtMs }: PeerRecord): PairedPeer {
  return { peerId, name, mine, addresses: [...addresses], pairedAtMs };
}

function called(records: Records, name: string): PeerRecord | undefined {
  const folded = foldedName(name);
  return [...records.values()].find((record) => foldedName(record.name) === folded);
}

function untakenName(records: Records, name: string, peer: PeerId): string {
  const holder = called(records, name);
  if (holder === undefined || holder.peerId === peer) return name;
  throw new CoveyError("conflict", `another peer is called ${printable(holder.name)} already`, { hint: "Choose another name." });
}

function freeName(records: Records, name: string, peer: PeerId): string {
  const isFree = (candidate: string): boolean => (called(records, candidate)?.peerId ?? peer) === peer;
  let candidate = name;
  for (let number = 2; !isFree(candidate); number++) candidate = numberedName(name, number);
  return candidate;
}

function isPeerId(text: string): boolean {
  try {
    return parsePeerId(text) === text;
  } catch {
    return false;
  }
}
