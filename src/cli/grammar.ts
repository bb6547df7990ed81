// What the user types: what is here is a bare argument, what is elsewhere is NAME:WHAT. One place for every such form.

import { resolve } from "node:path";

import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import type { Json } from "../services/data/contract.ts";

/** A place: at a peer, or with no name here. */
export interface Place {
  readonly name: string | undefined;
  readonly what: string;
}

/** "laptop:todo/1" is todo/1 at laptop, "todo/1" is here, and so is "self:a:b", for a key with a colon. Throws `bad-argument`. */
export function parsePlace(text: string): Place {
  if (isUrl(text)) throw urlHere(text);
  const colon = text.indexOf(":");
  if (colon < 0) return { name: undefined, what: text };
  if (colon === 0)
    throw wrong(`${JSON.stringify(text)} has nothing before the colon`, "NAME:KEY names a key at a peer; self:KEY one here.");
  return { name: text.slice(0, colon), what: text.slice(colon + 1) };
}

/** Where only a peer makes sense: "laptop" or "laptop:". Throws `bad-argument`. */
export function parsePeerArgument(text: string): string {
  if (isUrl(text)) throw urlHere(text);
  const name = text.endsWith(":") ? text.slice(0, -1) : text;
  if (name === "") throw wrong("the name of the peer is empty", "`covey peer ls` lists the paired peers.");
  if (name.includes(":"))
    throw wrong(`${JSON.stringify(text)} is not a peer's name`, "Only a peer can be named here: NAME or NAME:.");
  return name;
}

/** A URL stands for a program that does not speak covey. */
export const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

/** A URL of the only scheme that makes sense. Throws `bad-argument`. */
export function parseUrl(text: string, scheme: "tcp" | "http"): string {
  const form = { tcp: "tcp://HOST:PORT", http: "http://HOST:PORT/NAME" }[scheme];
  if (!isUrl(text)) throw wrong(`${JSON.stringify(text)} is no URL`, `It is written as ${form}.`);
  const given = text.slice(0, text.indexOf(":")).toLowerCase();
  if (given !== scheme)
    throw wrong(`${JSON.stringify(text)} is of no use here: the URL begins with ${scheme}://`, hintFor(given));
  return scheme + text.slice(scheme.length);
}

const hintFor = (scheme: string): string =>
  ({
    http: "`covey get` takes http:// URLs.",
    https: "covey speaks HTTP without TLS alone; curl fetches from https:// URLs.",
    tcp: "`covey msg`, `covey data get`, `covey data set` and `covey pipe` take tcp:// URLs.",
  })[scheme] ?? "covey speaks to tcp:// and http:// URLs.";

const urlHere = (text: string): CoveyError =>
  wrong(
    `${JSON.stringify(text)} is a URL, which has no meaning here`,
    "`covey get` takes http:// URLs; `covey msg`, `covey data get`, `covey data set` and `covey pipe` take tcp:// ones.",
  );

/** A list as plain programs write it: "a,b,c"; "" is the empty one. */
export const parseList = (text: string): readonly string[] => (text === "" ? [] : text.split(","));

/** "guest-3", as the gateway calls those who write to it; undefined for what is no such name. */
export const parseGuest = (text: string): string | undefined => /^guest-[1-9]\d{0,15}$/.exec(text.replace(/:$/, ""))?.[0];

export interface RemotePath {
  readonly name: string;
  readonly path: string;
}

/** A thing in what a peer shares: "laptop:dist/docs/" is dist/docs at laptop. Throws `bad-argument`. */
export function parseRemotePath(text: string): RemotePath {
  const { name, what } = parsePlace(text);
  const path = what.replace(/\/+$/, "");
  if (name === undefined || path === "")
    throw wrong(
      `${JSON.stringify(text)} does not say what is meant at which peer`,
      "NAME:PATH does; `covey ls NAME:` lists what there is.",
    );
  return { name, path };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_TIMER_MS = 2 ** 31 - 1;
// A thousand years: further away, times have no date any more.
const MAX_DURATION_MS = 1000 * 365 * UNIT_MS["d"]!;

/** "90s", "1h30m", "500ms"; a bare number is seconds. ms. Throws `bad-argument`. */
export function parseDuration(text: string): number {
  const parts = /^\d+(?:\.\d+)?$/.test(text) ? [[text, text, "s"]] : [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy)];
  const whole = parts.map(([part]) => part).join("") === text && parts.length > 0;
  const ms = Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit!]!, 0));
  if (!whole || ms <= 0) throw wrong(`${JSON.stringify(text)} is not a duration`, "Write it as 90s, 5m, 1h30m or 3d.");
  if (ms > MAX_DURATION_MS) throw wrong(`${JSON.stringify(text)} is too long`, "A thousand years are the most.");
  return ms;
}

/** The same for what a timer has to wait. */
export function parseWait(text: string): number {
  const ms = parseDuration(text);
  if (ms > MAX_TIMER_MS) throw wrong(`${JSON.stringify(text)} is too long`, "24 days are the most.");
  return ms;
}

const UNIT_BYTES: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** "500M", "2GiB", "1.5 GB", in powers of 1024 however it is written; a bare number is bytes. Throws `bad-argument`. */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(?:([KMGT])(?:i?B)?|B)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number) * UNIT_BYTES[(unit ?? "").toUpperCase()]!);
  if (!Number.isSafeInteger(bytes))
    throw wrong(`${JSON.stringify(text)} is not a size`, "Write it as 500M or 2GiB; a bare number is bytes.");
  return bytes;
}

/** Addresses to listen at: a scheme may be left out. ["none"] is nowhere, ["default"] what it is without --listen. */
export function parseListen(texts: readonly string[]): readonly Address[] | null {
  if (texts.length === 1 && texts[0] === "default") return null;
  if (texts.length === 1 && texts[0] === "none") return [];
  return texts.map((text) => {
    const address = /^[a-z][a-z0-9]*:\/\//.test(text) ? text : `tcp://${text}`;
    if (!/^[a-z][a-z0-9]*:\/\/(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]]+):\d{1,5}$/.test(address)) {
      throw wrong(
        `${JSON.stringify(text)} is not an address to listen at`,
        "Write it as tcp://HOST:PORT; * is every interface, port 0 any free one.",
      );
    }
    return address;
  });
}

/** One address to listen at: "tcp://HOST:PORT", "HOST:PORT", ":PORT" for every interface, "PORT" for this machine alone. */
export function parsePort(text: string): Address {
  const [, digits] = /^(?:tcp:\/\/)?:(\d+)$/.exec(text) ?? [];
  const given = digits === undefined ? (/^\d+$/.test(text) ? `127.0.0.1:${text}` : text) : `*:${digits}`;
  const [address] = parseListen([given.replace(/^tcp:\/\//i, "tcp://")]) ?? [];
  if (address?.startsWith("tcp://") === true && Number(/\d+$/.exec(address)) <= 65_535) return address;
  throw wrong(
    `${JSON.stringify(text)} is not an address to listen at`,
    "Write 8000 for this machine alone, :8000 for every interface, or tcp://HOST:PORT; port 0 is any free one.",
  );
}

/** How many there may be of something. Throws `bad-argument`. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw wrong(`${JSON.stringify(text)} is not a number of them`, "Write it as 16.");
}

/** A value is JSON if it parses as JSON, else text. */
export function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** A file or directory here, absolute: the daemon has a working directory of its own. Throws `bad-argument`. */
export function parsePath(text: string): string {
  if (text === "") throw wrong("a path is empty", "Write . for this directory.");
  return resolve(text);
}

/** The number of an offer as `covey transfers` shows it, or its id. Throws `bad-argument`. */
export const parseOffer = (text: string): string => parseNumber(text, "an offer", "`covey transfers` shows them.");

/** The same of what is served. */
export const parseServing = (text: string): string =>
  parseNumber(text, "something that is served", "`covey serve ls` shows them.");

function parseNumber(text: string, what: string, hint: string): string {
  if (!/^#?[0-9a-z]{1,128}$/i.test(text)) throw wrong(`${JSON.stringify(text)} is not the number of ${what}`, hint);
  return text.replace(/^#/, "");
}

const wrong = (message: string, hint: string): CoveyError => new CoveyError("bad-argument", message, { hint });
