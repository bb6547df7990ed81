// What happens on a serving, a line for each event: when, from where, what. Everything that clients said is theirs.

import { basename } from "node:path";

import { formatSize } from "../core/size.ts";
import { printable } from "../core/text.ts";
import type { ServingEvent } from "../gateway/contract.ts";
import { formatCount } from "./format.ts";
import { fit, padEnd, widthOf } from "./width.ts";

type Happened = Exclude<ServingEvent, { readonly type: "serving" } | { readonly type: "missed" }>;

/** What was done, to what, and what came of it: of these the middle gives way where there is little room. */
type Words = readonly [head: string, what: string, tail: string];

// Columns.
const WIDE = 70;
const FROM = 21;
const SHORT_FROM = 15;
const LEAST_WHAT = 4;

/** Printable, no wider than `columns`, once it is `measurable`. */
export function renderHappened(event: Happened, columns: number): string {
  const wide = columns >= WIDE;
  const gap = wide ? "  " : " ";
  const from = printable(event.from);
  const who = wide ? padEnd(from, FROM) : fit(hostOf(from), SHORT_FROM);
  const [head, what, result] = wordsOf(event);
  const begin = [timeOfDay(event.atMs, wide), who, head].join(gap);
  const end = result === "" ? "" : gap + result;
  const room = columns - widthOf(begin) - widthOf(end);
  return fit(begin + fit(what, Math.max(LEAST_WHAT, room)) + end, columns);
}

function wordsOf(event: Happened): Words {
  switch (event.type) {
    case "request":
      return [`${printable(event.method)} `, printable(readable(event.path)), outcome(event)];
    case "upload":
      return ["left ", printable(basename(event.path)), formatSize(event.size)];
    case "message":
      return [`${printable(event.guest)}: `, printable(event.text), ""];
    case "list":
      if (event.refused !== undefined)
        return [event.action === "get" ? "list not read: " : "list not changed: ", printable(event.refused), ""];
      return [`${event.action === "get" ? "read the list" : "changed the list"}, ${formatCount(event.count, "value")}`, "", ""];
  }
}

/** A path of a URL as it was meant, where it can be read as text. */
function readable(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

function outcome({ status, bytes }: Extract<Happened, { readonly type: "request" }>): string {
  if (status === undefined) return `cut after ${formatSize(bytes)}`;
  return status < 300 ? formatSize(bytes) : String(status);
}

/** Of "192.0.2.7:5000" and "[2001:db8::1]:5000". */
const hostOf = (from: string): string => from.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");

function timeOfDay(atMs: number, seconds: boolean): string {
  const at = new Date(atMs);
  return [at.getHours(), at.getMinutes(), ...(seconds ? [at.getSeconds()] : [])]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
