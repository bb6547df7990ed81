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

/**
 * Compressed bytes are not asked for: the file is wanted as it is, and its length with it. Throws `limit` when the address is too long for
 * a program that reads a head of 1,024 bytes at most.
 */
export function requestHead(url: URL, remainder?: Remainder): Buffer {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: covey/${VERSION}`,
    "Accept: */*",
    "Accept-Encoding: identity",
    ...(remainder === undefined ? [] : [`Range: bytes=${remainder.from}-`, `If-Range: ${remainder.validator}`]),
    "Connection: close",
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (head.length < LIMITS.plainMessageBytes) return head;
  // All of it is sent then, as by a server that knows no ranges.
  if (remainder !== undefined) return requestHead(url);
  throw new CoveyError("limit", `the address makes a request of ${head.length} bytes; a plain program may read less than that`, {
    hint: "Ask for it under a shorter name, or with `curl -LO URL`.",
  });
}
