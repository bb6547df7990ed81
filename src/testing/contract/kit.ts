// What the parts of the contract share: the two peers, and waiting for what comes.

import assert from "node:assert/strict";

import type { Covey } from "../../control/covey.ts";
import type { CoveyError, ErrorCode } from "../../core/errors.ts";

/** Two peers that know each other as "laptop" and "desk"; they are there once the tests run. */
export interface ContractPair {
  /** "laptop": made by the maker that is held to the contract. */
  readonly me: Covey;
  /** "desk". */
  readonly you: Covey;
  /** For files; the homes are in it too. */
  readonly directory: string;
}

export const fails = (code: ErrorCode) => (error: unknown) => {
  assert.equal((error as CoveyError).code, code, String(error));
  return true;
};

/** Polls until it holds; the test's own time limit ends one that never does. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function nextOf<Item>(items: AsyncIterator<Item>): Promise<Item> {
  const { done, value } = (await items.next()) as IteratorResult<Item, undefined>;
  if (done === true) throw new assert.AssertionError({ message: "it ended instead" });
  return value;
}

/** What comes after the first item, however long that takes. */
export async function secondOf<T>(items: AsyncIterable<T>): Promise<T> {
  const iterator = items[Symbol.asyncIterator]();
  await nextOf(iterator);
  return nextOf(iterator);
}
