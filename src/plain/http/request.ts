// What is asked for: one head, small enough to be read at once by a program that reads once. Pure.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { VERSION } from "../../core/version.ts";

/** The rest of a file, if it is still the one of which there is a part. */
export interface Remainder {
  readonly from: number;
  /** A strong ETag, or the date of its last change, as the server wrote it. */
  readonly validator: string;
}

/** What is wanted of a file: all of it; what is missing of it; or, by HEAD, just what the server calls that version now. */
export type Wanted = undefined | Remainder | { readonly sameAs: string };

/**
 * Compressed bytes are not asked for: the file is wanted as it is, and its length with it. Throws `limit` when the address is too long for
 * a program that reads a head of 1,024 bytes at most.
 */
export function requestHead(url: URL, wanted?: Wanted): Buffer {
  const lines = [
    `${wanted !== undefined && "sameAs" in wanted ? "HEAD" : "GET"} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: covey/${VERSION}`,
    "Accept: */*",
    "Accept-Encoding: identity",
    ...conditionsOf(wanted),
    "Connection: close",
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (head.length < LIMITS.plainMessageBytes) return head;
  // All of it is sent then, as by a server that knows no ranges.
  if (wanted !== undefined && "from" in wanted) return requestHead(url);
  throw new CoveyError("limit", `the address makes a request of ${head.length} bytes; a plain program may read less than that`, {
    hint: "Ask for it under a shorter name, or with `curl -LO URL`.",
  });
}

function conditionsOf(wanted: Wanted): readonly string[] {
  if (wanted === undefined) return [];
  if ("sameAs" in wanted) return [`If-None-Match: ${wanted.sameAs}`];
  return [`Range: bytes=${wanted.from}-`, `If-Range: ${wanted.validator}`];
}
