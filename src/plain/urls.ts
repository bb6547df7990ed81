// What a URL of a plain program may be. Pure.

import { CoveyError } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import { type HostPort, parseTcpAddress } from "../transport/address.ts";

/** "tcp://HOST:PORT" of a program that listens. Throws `bad-argument`. */
export function dialledAddress(url: string): HostPort {
  const target = parseTcpAddress(url);
  if (target.host !== "*" && target.port !== 0) return target;
  throw new CoveyError("bad-argument", `"${url}" can be listened on, not connected to`, {
    hint: "Name the host and the port where the other program listens, such as tcp://192.0.2.7:5000.",
  });
}

export const USE_ANOTHER = "covey speaks http:// alone: open https:// addresses in a browser, or use `curl -LO URL`.";

/**
 * "http://HOST[:PORT]/PATH", with whatever in it has to be percent-encoded made so; relative to `base` where that is given. Throws
 * `bad-argument` that says what is wrong.
 */
export function parseHttpUrl(text: string, base?: URL): URL {
  const wrong = (why: string, hint = "Write http://HOST:PORT/NAME."): CoveyError =>
    new CoveyError("bad-argument", `"${printable(text.slice(0, 200))}" is not an address to get a file from: ${why}`, { hint });
  if (/\p{Cc}/u.test(text)) throw wrong("there is a control character in it");
  const url = URL.parse(text, base?.href);
  if (url === null) throw wrong("it is not a URL");
  if (url.protocol === "https:") throw wrong("it is https", USE_ANOTHER);
  if (url.protocol !== "http:") throw wrong(`it is ${url.protocol.slice(0, -1)}, not http`);
  if (url.username !== "" || url.password !== "")
    throw wrong("there is a user name in it", "covey sends no passwords over plain HTTP: leave out what stands before the @.");
  if (url.port === "0") throw wrong("nobody listens on port 0");
  url.hash = "";
  return url;
}

/** Where its server is. */
export function hostPortOf(url: URL): HostPort {
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? 80 : Number(url.port) };
}
