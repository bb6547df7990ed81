// What is said of a file that is served: its type, its length, its tags and times.

import { create as contentDisposition } from "content-disposition";
import mime from "mime";

import { domainHash } from "../../core/hash.ts";
import { httpSeconds, type Validators } from "./conditions.ts";
import type { ServedFile } from "./served-file.ts";

/** Before the hash in a tag, and in the tag of a file whose hash is not known yet. */
export const HASH_TAG = '"b3-';

/**
 * Whatever it is, it may not run, load or send anything, nor be taken for a page of ours: it has an origin of its own. Browsers show no
 * PDF in a sandbox; what shows them keeps them apart by itself.
 */
const REST = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; font-src data:";
const FILE_POLICY = `sandbox; ${REST}; frame-ancestors 'none'; form-action 'none'; base-uri 'none'`;
const PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'";

/** By the end of the name; without a dot in it there is none. */
export function typeOf(name: Buffer): string {
  const text = name.toString("latin1");
  const type = (text.includes(".") ? mime.getType(text) : null) ?? "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

/** `hash`: hex, when it is known. */
export function validatorsOf(file: ServedFile, hash: string | undefined, nowMs: number): Validators {
  const byVersion = `"v-${domainHash("covey/gateway-version/1", Buffer.from(file.version)).toString("hex", 0, 16)}"`;
  return {
    tags: hash === undefined ? [byVersion] : [`${HASH_TAG}${hash}"`, byVersion],
    modified: httpSeconds(file.mtimeMs, nowMs),
  };
}

/** For browsers: what may be done with it, and what it is called. */
export function protectionOf(name: Buffer, type: string): Readonly<Record<string, string>> {
  return {
    "Content-Disposition": contentDisposition(name.toString().toWellFormed(), { type: "inline" }),
    "Content-Security-Policy": type === "application/pdf" ? PDF_POLICY : FILE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
  };
}
