// Values under keys in a space: JSON, last writer wins visibly, losers are listed.

import type { PeerId, SpaceId } from "../../core/ids.ts";
import type { Cursor } from "../../space/contract.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface DataVersion<Value = Json> {
  readonly value: Value;
  readonly author: PeerId;
  /** By the author's clock. */
  readonly setAtMs: number;
}

export interface DataItem<Value = Json> {
  /** Components joined by "/", in NFC. */
  readonly key: string;
  readonly value: Value;
  readonly author: PeerId;
  readonly setAtMs: number;
  /** For `ifVersion`. */
  readonly version: string;
  /** How many concurrent values lost to this one. */
  readonly conflicts: number;
}

export interface DataRemoval {
  readonly removed: true;
  readonly author: PeerId;
  readonly setAtMs: number;
}

/** A key with concurrent values, or a value and its removal. */
export interface DataConflict<Version = DataVersion> {
  readonly key: string;
  readonly version: string;
  readonly winner: Version | DataRemoval;
  readonly losers: readonly (Version | DataRemoval)[];
}

/** `now`: the first event of a watch without a cursor, which began here. `reset`: the cursor was of another store, all is told again. */
export type DataEvent<Item = DataItem> =
  | { readonly type: "now"; readonly cursor: Cursor }
  | { readonly type: "set"; readonly item: Item; readonly cursor: Cursor }
  | { readonly type: "remove"; readonly key: string; readonly cursor: Cursor }
  | { readonly type: "reset"; readonly cursor: Cursor };

export interface Data {
  get(space: SpaceId, key: string): Promise<DataItem | undefined>;
  /** `ifVersion`: null for "must not exist". Rejects with `conflict`, `limit` (over LIMITS.inlineValueBytes), `bad-argument`. */
  set(space: SpaceId, key: string, value: Json, options?: { readonly ifVersion?: string | null }): Promise<DataItem>;
  /** Many at once, in one commit, all or nothing. */
  setMany(space: SpaceId, items: readonly { readonly key: string; readonly value: Json }[]): Promise<void>;
  /** Resolves to whether there was something. */
  remove(space: SpaceId, key: string, options?: { readonly ifVersion?: string }): Promise<boolean>;
  /** A prefix ends at a "/": "todo/" or "todo" list todo and all below it; "" lists everything. In key order. */
  list(
    space: SpaceId,
    prefix: string,
    options?: { readonly limit?: number; readonly after?: string },
  ): Promise<readonly DataItem[]>;
  conflicts(space: SpaceId, prefix: string): Promise<readonly DataConflict[]>;
  /** Changes after the cursor (without one: from now on), until the signal aborts (it then throws the reason). */
  watch(
    space: SpaceId,
    prefix: string,
    options: { readonly after?: Cursor; readonly signal: AbortSignal },
  ): AsyncIterable<DataEvent>;
}
