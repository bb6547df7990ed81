// The list of strings that a serving gives and takes: a value of the data in a space, where paired peers read and write it too.

import { CoveyError } from "../core/errors.ts";
import type { PeerId, SpaceId } from "../core/ids.ts";
import type { Data, Json } from "../services/data/contract.ts";
import type { ServedListPlace } from "./contract.ts";
import type { ServedList } from "./served.ts";

export interface ListNeeds {
  readonly data: Pick<Data, "get" | "set">;
  readonly spaceOf: (peer: PeerId | undefined) => Promise<SpaceId>;
  readonly isPaired: (peer: PeerId) => boolean;
}

/** Text joins the values with commas, and a line ends a message. */
const SEPARATORS = /[,\r\n]/;

export function servedList({ peer, key, writable }: ServedListPlace, { data, spaceOf, isPaired }: ListNeeds): ServedList {
  const space = async (): Promise<SpaceId> => {
    if (peer !== undefined && !isPaired(peer)) throw refusal("this list was shared with a device that is not paired any more");
    return spaceOf(peer);
  };
  return {
    key,
    async read() {
      const item = await orRefused(data.get(await space(), key));
      return item === undefined ? [] : stringsOf(item.value);
    },
    async write(values) {
      if (!writable) throw refusal("this list can only be read");
      const at = await space();
      // Who may write a list may not put one in the place of something else.
      const item = await orRefused(data.get(at, key));
      if (item !== undefined) stringsOf(item.value);
      await orRefused(data.set(at, key, stringsOf(values)));
    },
  };
}

function stringsOf(value: Json): readonly string[] {
  if (!Array.isArray(value) || !value.every((one): one is string => typeof one === "string"))
    throw refusal("what is stored there is not a list of texts");
  if (value.some((one) => SEPARATORS.test(one))) throw refusal("the list has a value with a comma or a line break in it");
  return value;
}

/** What can't be read or written as it is, is the client's to know; a fault of this side is not. */
async function orRefused<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CoveyError && error.code === "protocol") throw refusal("what is stored there is not a list of texts");
    if (error instanceof CoveyError && error.code === "limit") throw refusal("the list is too long");
    throw error;
  }
}

const refusal = (why: string): CoveyError => new CoveyError("refused", why);
