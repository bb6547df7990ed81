// Spaces and peers under the small numbers that the tables use. Read-through; forgotten after a rollback.

import { CoveyError } from "../../core/errors.ts";
import type { PeerId, SpaceId } from "../../core/ids.ts";
import { directGenesis, encodeGenesis, type Genesis, parseGenesis, selfGenesis, spaceIdOf } from "../genesis.ts";
import { type Database, damaged } from "./database.ts";

export interface Space {
  readonly num: number;
  readonly id: SpaceId;
  readonly genesis: Genesis;
}

interface SpaceRow {
  readonly num: number;
  readonly id: SpaceId;
  readonly genesis: Uint8Array;
}

export class Members {
  readonly #db: Database;
  readonly #me: PeerId;
  readonly #spaces = new Map<SpaceId, Space>();
  readonly #peers = new Map<PeerId, number>();

  constructor(db: Database, me: PeerId) {
    this.#db = db;
    this.#me = me;
  }

  forget(): void {
    this.#spaces.clear();
    this.#peers.clear();
  }

  self(): SpaceId {
    return this.#made(selfGenesis(this.#me));
  }

  direct(peer: PeerId): SpaceId {
    return this.#made(directGenesis(this.#me, peer));
  }

  /** Throws `not-found`. */
  space(id: SpaceId): Space {
    const known = this.#spaces.get(id);
    if (known !== undefined) return known;
    const row = this.#db.get<SpaceRow>("SELECT num, id, genesis FROM spaces WHERE id = ?", id);
    if (row === undefined) throw new CoveyError("not-found", "there is no such space here");
    return this.#remember(row);
  }

  all(): readonly Space[] {
    return this.#db.all<SpaceRow>("SELECT num, id, genesis FROM spaces ORDER BY num").map((row) => this.#remember(row));
  }

  /** The other end of a direct space. */
  otherOf(space: Space): PeerId | undefined {
    return space.genesis.kind === "direct" ? space.genesis.founders.find((peer) => peer !== this.#me) : undefined;
  }

  mayWrite(space: Space, author: PeerId): boolean {
    return space.genesis.founders.includes(author);
  }

  /** Throws `refused` unless the neighbour takes part in the space. */
  checkNeighbour(space: Space, neighbour: PeerId): void {
    if (neighbour !== this.#me && space.genesis.founders.includes(neighbour)) return;
    throw new CoveyError("refused", "this peer is no member of the space");
  }

  peerNum(peer: PeerId): number {
    const known = this.#peers.get(peer);
    if (known !== undefined) return known;
    this.#db.run("INSERT INTO peers (id) VALUES (?) ON CONFLICT DO NOTHING", peer);
    const { num } = this.#db.get<{ num: number }>("SELECT num FROM peers WHERE id = ?", peer)!;
    this.#peers.set(peer, num);
    return num;
  }

  #made(genesis: Genesis): SpaceId {
    const record = encodeGenesis(genesis);
    const id = spaceIdOf(record);
    if (!this.#spaces.has(id)) {
      this.#db.run("INSERT INTO spaces (id, genesis) VALUES (?, ?) ON CONFLICT DO NOTHING", id, record);
    }
    return id;
  }

  #genesisOf(id: SpaceId, record: Uint8Array): Genesis {
    try {
      if (spaceIdOf(record) === id) return parseGenesis(record);
    } catch (cause) {
      throw damaged(this.#db.file, "the record of a space can't be read", cause);
    }
    throw damaged(this.#db.file, "the record of a space does not agree with its id", undefined);
  }

  #remember({ num, id, genesis }: SpaceRow): Space {
    const space = { num, id, genesis: this.#genesisOf(id, genesis) };
    this.#spaces.set(id, space);
    return space;
  }
}
