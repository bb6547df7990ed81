// What the state of a path says as data: the winner, and what lost to it. A version whose bytes are no value does not count, so that
// what a peer wrote badly hides nothing.

import type { PathState, Version } from "../../space/contract.ts";
import type { DataConflict, DataItem, DataVersion } from "./contract.ts";
import { decodeJson } from "./json.ts";
import { keyOfPath } from "./key.ts";

type Told = DataConflict["winner"];

export interface View {
  readonly key: string;
  readonly version: string;
  /** undefined: there are versions, and none of them is a value or a removal. */
  readonly winner: Told | undefined;
  readonly losers: readonly Told[];
}

/** undefined when the path is none that a key leads to. */
export function viewOf(state: PathState): View | undefined {
  const key = keyOfPath(state.path);
  if (key === undefined) return undefined;
  const [winner, ...losers] = state.versions.map(told).filter((one) => one !== undefined);
  return { key, version: state.token, winner, losers };
}

/** The value under a key now; undefined when there is none, or it was removed. */
export function itemOf({ key, version, winner, losers }: View): DataItem | undefined {
  if (winner === undefined || !isValue(winner)) return undefined;
  const { value, author, setAtMs } = winner;
  return { key, value, author, setAtMs, version, conflicts: losers.length };
}

export function conflictOf({ key, version, winner, losers }: View): DataConflict | undefined {
  return winner === undefined || losers.length === 0 ? undefined : { key, version, winner, losers };
}

const isValue = (version: Told): version is DataVersion => "value" in version;

function told({ author, clockMs, value }: Version): Told | undefined {
  if (value === undefined) return { removed: true, author, setAtMs: clockMs };
  const parsed = decodeJson(value);
  return parsed === undefined ? undefined : { value: parsed, author, setAtMs: clockMs };
}
