// What crosses between the store's thread and the one that serves people. Values are cloned; errors go as JSON.

import type { ErrorJson } from "../../core/errors.ts";
import type { Incarnation, PeerId, SpaceId, StoreId } from "../../core/ids.ts";
import type { LogFacts } from "../../core/log.ts";
import type { readCalls } from "./read.ts";
import type { writeCalls } from "./write-calls.ts";

export type Reads = ReturnType<typeof readCalls>;
export type Writes = ReturnType<typeof writeCalls>;
export type Calls = Reads & Writes;
export type CallName = keyof Calls;

export interface WorkerOptions {
  readonly file: string;
  readonly peerId: PeerId;
  readonly seed: Uint8Array;
  readonly nowMs: number;
}

export interface Call {
  readonly id: number;
  readonly name: CallName;
  readonly args: readonly unknown[];
}

/** What the main thread keeps a copy of. */
export interface LifeNow {
  readonly storeId: StoreId;
  readonly incarnation: Incarnation;
  /** When `retry` has something to do, ms since 1970. */
  readonly dueMs: number | undefined;
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: ErrorJson };

/** From the worker. `opened` or `failed` comes first; a group of answers only after its commit. */
export type FromWorker =
  | { readonly type: "opened"; readonly life: LifeNow }
  | { readonly type: "failed"; readonly error: ErrorJson }
  | { readonly type: "answers"; readonly answers: readonly Answer[] }
  | { readonly type: "log"; readonly level: "warn" | "error"; readonly facts: LogFacts; readonly text: string }
  | {
      readonly type: "committed";
      readonly answers: readonly Answer[];
      readonly changed: readonly (readonly [space: SpaceId, seq: number])[];
      readonly life: LifeNow;
    };
