// Which version of a file an answer is about. Pure.

import { contentRangeOf } from "../http/framing.ts";
import type { AnswerHead } from "../http/head.ts";
import type { Answer } from "../http/answer.ts";
import type { Remainder } from "../http/request.ts";
import type { Version } from "./part.ts";

/** What a covey's gateway calls a version whose hash it does not know yet. */
export function isNamedLater(etag: string | undefined): etag is string {
  return etag !== undefined && /^"v-[0-9a-f]{32}"$/.test(etag);
}

/** The BLAKE3 of the file, in hex, where a covey's gateway says it. */
export function hashOf(head: AnswerHead | undefined): string | undefined {
  return /^"b3-([0-9a-f]{64})"$/.exec(head?.fields.get("etag") ?? "")?.[1];
}

export function versionOf({ head, framing }: Answer): Version {
  const size = framing.by === "length" ? framing.length : undefined;
  return { size, validator: head === undefined ? undefined : validatorOf(head) };
}

/** What the rest is of, when it is the rest of that version; otherwise undefined. `size`: as it was said before. */
export function continuedVersion(
  { head, framing }: Answer,
  { from, validator }: Remainder,
  size: number | undefined,
): Version | undefined {
  const range = head?.status === 206 ? contentRangeOf(head) : undefined;
  if (range?.from !== from || (size !== undefined && range.size !== undefined && size !== range.size)) return undefined;
  const whole = size ?? range.size;
  if (framing.by === "length" && whole !== undefined && from + framing.length > whole) return undefined;
  const etag = head!.fields.get("etag");
  // A gateway that has hashed the file meanwhile names it anew, and the hash will be compared. Many a server sends ranges without
  // having looked at If-Range.
  const isOther = validator.startsWith('"')
    ? etag !== validator && hashOf(head) === undefined
    : (head!.fields.get("last-modified") ?? validator) !== validator;
  return isOther ? undefined : { size: whole, validator: validatorOf(head!) ?? validator };
}

/** RFC 9110, 8.8.2.2: within the second in which a file was changed, its date does not tell two versions apart. */
function validatorOf({ fields }: AnswerHead): string | undefined {
  const etag = fields.get("etag") ?? "";
  if (/^"[\x21\x23-\x7e\x80-\xff]{1,128}"$/.test(etag)) return etag;
  const changed = fields.get("last-modified") ?? "";
  const isStrong = Date.parse(fields.get("date") ?? "") - Date.parse(changed) >= 1000;
  return isStrong && /^[\w ,:+-]{1,40}$/.test(changed) ? changed : undefined;
}
