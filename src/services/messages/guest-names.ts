// The names of guests: "guest-1", "guest-2", … A local record says which was the last, and for each of them where its messages begin.
//
// A restored or copied home does not know what names its other life has given since. So it goes on far behind the last one that it knows,
// at a place drawn at random.

import { randomInt } from "node:crypto";

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../core/cbor.ts";
import type { Incarnation } from "../../core/ids.ts";
import { parse } from "../../core/parse.ts";
import type { SpaceStore } from "../../space/contract.ts";

export interface GuestNames {
  /** `after`: the number of the last message before its first. Durable when it resolves. */
  give(after: number): Promise<string>;
  /** Where the messages of a guest begin; undefined for somebody who is none. */
  beginningOf(guest: string): Promise<Beginning | undefined>;
}

/** In the lane of this incarnation they are all behind the message `after`. */
export interface Beginning {
  readonly incarnation: Incarnation;
  readonly after: number;
}

export type NameStore = Pick<SpaceStore, "incarnation" | "putLocal" | "getLocal">;

const SERVICE = "messages";
const LAST = "guests";
const beginningKey = (guest: string): string => `guest/${guest}`;

/** In steps of so many, up to so many of them. */
const APART = 1000;
const STEPS = 1000;

const number = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const incarnation = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{16}$/),
  v.transform((text) => text as Incarnation),
);
const lastRecord = v.object({ v: v.literal(1), incarnation, last: number });
const beginningRecord = v.object({ v: v.literal(1), incarnation, after: number });

export function createGuestNames(store: NameStore): GuestNames {
  /** Read once for each incarnation; then counted here. */
  let counter: { readonly incarnation: Incarnation; readonly read: Promise<{ last: number }> } | undefined;

  async function readLast(mine: Incarnation): Promise<{ last: number }> {
    const value = await store.getLocal(SERVICE, LAST);
    if (value === undefined) return { last: 0 };
    const known = parse(lastRecord, decodeCbor(value, "the last guest"), "the last guest");
    if (known.incarnation === mine) return { last: known.last };
    return { last: (Math.floor(known.last / APART) + 1 + randomInt(STEPS)) * APART };
  }

  return {
    async give(after) {
      const mine = store.incarnation();
      if (counter?.incarnation !== mine) counter = { incarnation: mine, read: readLast(mine) };
      const { read } = counter;
      const count = await read.catch((error: unknown) => {
        if (counter?.read === read) counter = undefined;
        throw error;
      });
      // From here to the call of the store nothing comes between: a later number is never written before an earlier one.
      const last = ++count.last;
      const guest = `guest-${last}`;
      await store.putLocal(SERVICE, [
        { key: LAST, value: encodeCbor({ v: 1, incarnation: mine, last }) },
        { key: beginningKey(guest), value: encodeCbor({ v: 1, incarnation: mine, after }) },
      ]);
      return guest;
    },

    async beginningOf(guest) {
      const value = await store.getLocal(SERVICE, beginningKey(guest));
      return value && parse(beginningRecord, decodeCbor(value, "where a guest begins"), "where a guest begins");
    },
  };
}
