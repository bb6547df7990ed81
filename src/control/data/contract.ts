// Data as a program sees it: values under keys, as they are, or checked against a schema on the way in and out.

import type { DataConflict, DataEvent, DataItem, DataVersion, Json } from "../../services/data/contract.ts";
import type { CallOptions, WatchOptions } from "../call-options.ts";

/**
 * The keys below one prefix of one space; keys given and returned are relative to it. Values are checked when the handle has a schema
 * (`TypedDataHandle`), and are JSON without one.
 */
export interface DataHandle<Output = Json, Input = Output, Item = DataItem<Output>, Version = DataVersion<Output>> {
  get(key: string, options?: CallOptions): Promise<Item | undefined>;
  /**
   * Durable here when it resolves. `ifVersion`: only if the key still has this version, or, with null, no value. Rejects with `conflict`
   * if not, `limit` (a value over 64 KiB), `bad-argument` (a key that can't be, a value that JSON can't say or that the schema refuses).
   */
  set(key: string, value: Input, options?: CallOptions & { readonly ifVersion?: string | null }): Promise<DataItem<Output>>;
  /** In one commit: all or nothing. */
  setMany(items: readonly { readonly key: string; readonly value: Input }[], options?: CallOptions): Promise<void>;
  /** Resolves to whether there was a value. Rejects with `conflict` when it is not of `ifVersion` any more. */
  remove(key: string, options?: CallOptions & { readonly ifVersion?: string }): Promise<boolean>;
  /** In the order of keys, behind the key `after`. A prefix ends at a "/": "todo" has "todo" and "todo/1", never "todos". */
  list(prefix?: string, options?: CallOptions & { readonly limit?: number; readonly after?: string }): Promise<readonly Item[]>;
  /** Keys that were changed by several who did not know of each other's value. The next `set` or `remove` settles one. */
  conflicts(prefix?: string, options?: CallOptions): Promise<readonly DataConflict<Version>[]>;
  /** The latest state of each key that changes, at the reader's pace. */
  watch(prefix?: string, options?: WatchOptions): AsyncIterable<DataEvent<Item>>;
}

/** `prefix`: "todo" and "todo/" are the same, "" is every key. Throws `bad-argument` for what is no schema. */
export interface OpenData {
  (prefix?: string): DataHandle;
  <Input, Output>(prefix: string, options: { readonly schema: StandardSchema<Input, Output> }): TypedDataHandle<Output, Input>;
}

/** A handle with a schema: what is written is what the schema takes, what is read is what it makes of that, or why it refuses it. */
export type TypedDataHandle<Output, Input = Output> = DataHandle<Output, Input, TypedItem<Output>, TypedVersion<Output>>;

/** `invalid` tells the two apart: without it, `value` is the schema's. */
export type TypedItem<Output> = (DataItem<Output> & ValidValue) | (DataItem<undefined> & InvalidValue);
export type TypedVersion<Output> = (DataVersion<Output> & ValidValue) | (DataVersion<undefined> & InvalidValue);

export interface ValidValue {
  readonly invalid?: undefined;
}

/** A value that does not fit the schema: a peer, or another version of the program, wrote it. */
export interface InvalidValue {
  /** Why: 1 to 16. */
  readonly invalid: readonly DataIssue[];
  /** As it is stored. */
  readonly raw: Json;
}

export interface DataIssue {
  /** In words, fit to be shown. */
  readonly message: string;
  /** Where in the value; [] for all of it. */
  readonly path: readonly (string | number)[];
}

/** What validation libraries have in common: version 1 of https://standardschema.dev, which valibot, zod, arktype and others speak. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Never there when the program runs. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
