// What the thread of trees and the one who calls it say to each other.

import type { ErrorJson } from "../../core/errors.ts";

/** `object` numbers what is made, called and ended; `id` a call and its answer. */
export type ToWorker =
  | ({
      readonly type: "make" | "call";
      readonly id: number;
      readonly name: string;
      readonly args: readonly unknown[];
    } & ForObject)
  | ({ readonly type: "end" } & ForObject);
interface ForObject {
  readonly object: number;
}

export type FromWorker = { readonly id: number } & ({ readonly value: unknown } | { readonly error: ErrorJson });

/** Bytes become views of another class on their way. */
export const received = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
