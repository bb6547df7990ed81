// What is said of a file that is served: its type, its length, its tags and times.

import { create as contentDisposition } from "content-disposition";
import mime from "mime";

import { domainHash } from "../../core/hash.ts";
import { formatDate, httpSeconds, type Validators } from "./conditions.ts";
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

/** All that is said of a file whose hash is known (hex), or is not, whatever the request. */
export interface Representation {
  readonly validators: Validators;
  readonly type: string;
  /** Of every answer that has some of it, or says that it is the same. */
  readonly fields: Readonly<Record<string, string>>;
  /** The same for browsers: and what may be done with it, and what it is called. */
  readonly guardedFields: Readonly<Record<string, string>>;
}

export function representationOf(
  name: Buffer,
  { version, mtimeMs }: Pick<ServedFile, "version" | "mtimeMs">,
  hash: string | undefined,
  nowMs: number,
): Representation {
  const byVersion = `"v-${domainHash("covey/gateway-version/1", Buffer.from(version)).toString("hex", 0, 16)}"`;
  const tags = hash === undefined ? [byVersion] : [`${HASH_TAG}${hash}"`, byVersion];
  const validators = { tags, modified: httpSeconds(mtimeMs, nowMs) };
  const type = typeOf(name);
  const fields = { ...validatorFields(validators), "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff" };
  return { validators, type, fields, guardedFields: { ...fields, ...protectionOf(name, type) } };
}

export function validatorFields({ tags, modified }: Validators): Record<string, string> {
  const dated = modified === undefined ? {} : { "Last-Modified": formatDate(modified) };
  // Files change: what a browser keeps of them it asks about each time, by the tag.
  return { ETag: tags[0]!, ...dated, "Cache-Control": "no-cache" };
}

/** By the end of the name; without a dot in it there is none. */
function typeOf(name: Buffer): string {
  const text = name.toString("latin1");
  const type = (text.includes(".") ? mime.getType(text) : null) ?? "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

function protectionOf(name: Buffer, type: string): Readonly<Record<string, string>> {
  return {
    "Content-Disposition": contentDisposition(name.toString().toWellFormed(), { type: "inline" }),
    "Content-Security-Policy": type === "application/pdf" ? PDF_POLICY : FILE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
  };
}
