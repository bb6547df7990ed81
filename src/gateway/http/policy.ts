// Who may ask here, and who may change something. Pure.
//
// A page from anywhere makes a browser send requests to any address that the browser reaches, and a name that leads here can be anybody's
// (DNS rebinding). So a browser must name this port by one of our own hosts, and what it was led to do by another page it may not do.
// Programs without a browser's fields can't be led anywhere, and often write a wrong Host or none.

import type { IncomingHttpHeaders } from "node:http";

export interface Caller {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** How many Host fields there were. */
  readonly hosts: number;
  /** The host that the target itself named. */
  readonly authority: string | undefined;
}

export interface OurPort {
  readonly number: number;
  /** No port, IPv6 in brackets. */
  isOurHost(host: string): boolean;
  /** The caller knows it, so nobody led it here who doesn't. */
  readonly knowsToken: boolean;
}

export interface Refusal {
  readonly status: 400 | 403 | 421;
  readonly why: string;
}

const NO_HOST: Refusal = { status: 400, why: "The request does not say which host it is for." };
const TWO_HOSTS: Refusal = { status: 400, why: "The request names more than one host." };
const ANOTHER_HOST: Refusal = {
  status: 421,
  why: "This is not served under the name in your address. Use the address that was shown by whoever serves this.",
};
const ANOTHER_SITE: Refusal = { status: 403, why: "Another site asked for this: open the address itself." };
const NOT_FROM_HERE: Refusal = { status: 403, why: "This can only be sent from a page that is served here." };

/** Anything that a browser can't help sending. A page can set a User-Agent, but not leave it out. */
export const isBrowserLike = (headers: IncomingHttpHeaders): boolean =>
  headers["user-agent"] !== undefined ||
  headers.origin !== undefined ||
  Object.keys(headers).some((name) => name.startsWith("sec-fetch-"));

/** undefined: the caller is welcome. */
export function refusalOf(caller: Caller, port: OurPort): Refusal | undefined {
  const { method, headers, hosts, authority } = caller;
  if (hosts > 1) return TWO_HOSTS;
  const named = [headers.host, authority].filter((host) => host !== undefined);
  if (!port.knowsToken) {
    const browser = isBrowserLike(headers);
    if (browser && headers.host === undefined) return NO_HOST;
    if (!named.every((host) => (browser ? isThisPort(host, port) : isThisDevice(host, port)))) return ANOTHER_HOST;
  }
  if (method !== "GET" && method !== "HEAD") return isFromHere(headers) ? undefined : NOT_FROM_HERE;
  return isLedHere(headers) ? ANOTHER_SITE : undefined;
}

const partsOf = (host: string): { readonly name: string; readonly port: string | undefined } | undefined => {
  const [, name, port] = /^(\[[0-9a-f:.]+\]|[^:[\]/?#@]+)(?::(\d{1,5}))?$/i.exec(host) ?? [];
  return name === undefined ? undefined : { name, port };
};

function isThisPort(host: string, { number, isOurHost }: OurPort): boolean {
  const parts = partsOf(host);
  return parts !== undefined && (parts.port ?? "80") === String(number) && isOurHost(parts.name);
}

/** For programs that are no browser: they often leave the port out, or write that of an example. */
function isThisDevice(host: string, { isOurHost }: OurPort): boolean {
  const parts = partsOf(host);
  return parts !== undefined && isOurHost(parts.name);
}

function isFromHere(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  return (site === undefined || site === "same-origin") && !isFromAnotherOrigin(headers);
}

const isFromAnotherOrigin = ({ origin, host }: IncomingHttpHeaders): boolean =>
  origin !== undefined && (host === undefined || origin !== `http://${host}`);

/**
 * A page of another site embeds or fetches this: whether that works would tell it what is here. A link to it may be followed. Browsers leave
 * Sec-Fetch-* out when the address is not this machine's own; then it may be the origin that gives it away.
 */
function isLedHere(headers: IncomingHttpHeaders): boolean {
  if (isFromAnotherOrigin(headers)) return true;
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return false;
  return headers["sec-fetch-mode"] !== "navigate" || headers["sec-fetch-dest"] !== "document";
}
