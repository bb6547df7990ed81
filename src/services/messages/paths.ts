// Where messages and watermarks are kept: msg/<author>/<incarnation>/<n> and msg/<member>/mark.

import type { Incarnation, PeerId } from "../../core/ids.ts";
import type { Path, Version } from "../../space/contract.ts";
import { componentsOf, pathOf } from "../../space/path.ts";

const SERVICE = "msg";
const MARK = "mark";
const DIGITS = 12;

/** One incarnation of an author: its messages are numbered from 1 without gaps. */
export interface Lane {
  readonly author: PeerId;
  readonly incarnation: Incarnation;
}

export type Place =
  | { readonly type: "message"; readonly lane: Lane; readonly n: number }
  | { readonly type: "mark"; readonly owner: PeerId };

export const everything = pathOf(SERVICE);
export const authorPrefix = (author: PeerId): Path => pathOf(SERVICE, author);
export const lanePrefix = ({ author, incarnation }: Lane): Path => pathOf(SERVICE, author, incarnation);
/** n = 0 is the place before the first message. */
export const messagePath = ({ author, incarnation }: Lane, n: number): Path =>
  pathOf(SERVICE, author, incarnation, String(n).padStart(DIGITS, "0"));
export const markPath = (owner: PeerId): Path => pathOf(SERVICE, owner, MARK);
/** Behind everything below this component of the author's, before the next one. */
export const behind = (author: PeerId, component: string): Path => pathOf(SERVICE, author, `${component}\u0001`);
/** What comes below `msg/<author>`: an incarnation, or else something that is skipped. */
export const componentBelow = (path: Path): string => componentsOf(path)[2] ?? "";

/** undefined for a path that is neither. */
export function placeOf(path: Path): Place | undefined {
  const [service, author, lane, number, ...rest] = componentsOf(path) as [string?, PeerId?, Incarnation?, string?, ...string[]];
  if (service !== SERVICE || author === undefined || lane === undefined || rest.length > 0) return undefined;
  if (number === undefined) return lane === MARK ? { type: "mark", owner: author } : undefined;
  if (!isIncarnation(lane) || !/^\d{12}$/.test(number) || Number(number) === 0) return undefined;
  return { type: "message", lane: { author, incarnation: lane }, n: Number(number) };
}

/** Both members may write anywhere in their space; what somebody writes in another's place does not count. */
export const isOfLane = (version: Version, lane: Lane): boolean =>
  version.author === lane.author && version.incarnation === lane.incarnation;

export const isIncarnation = (text: string): text is Incarnation => /^[0-9a-f]{16}$/.test(text);
