// The answer to a request for a file: 1. its tags, for which it may have to be hashed, 2. the conditions, 3. the parts that were asked for.

import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import { untilAborted, withDeadline } from "../../core/async.ts";
import { LIMITS } from "../../core/limits.ts";
import { type Answer, type FileBody, problem } from "./answer.ts";
import { conditionOf, formatDate, isStillPart, namesTag, type Validators } from "./conditions.ts";
import type { Hashes } from "./hashes.ts";
import { type Range, rangesOf } from "./ranges.ts";
import { HASH_TAG, protectionOf, typeOf, validatorsOf } from "./representation.ts";
import type { ServedFile } from "./served-file.ts";

export interface FileRequest {
  readonly name: Buffer;
  readonly method: "GET" | "HEAD";
  readonly headers: IncomingHttpHeaders;
  /** Its head has to be short: see send.ts. */
  readonly plain: boolean;
  readonly nowMs: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** The file is released by whoever has the answer. */
export async function answerWithFile(file: ServedFile, request: FileRequest, hashes: Hashes): Promise<Answer> {
  const { name, method, headers, plain, nowMs } = request;
  const validators = validatorsOf(file, await hashFor(file, request, hashes), nowMs);
  const type = typeOf(name);
  const common = {
    ...validatorFields(validators),
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
    ...(plain ? {} : protectionOf(name, type)),
  };
  const status = conditionOf(headers, validators);
  if (status === 304) return { status, headers: common, body: undefined };
  if (status === 412) return problem({ status, headers: validatorFields(validators) }, headers.accept);
  // RFC 9110: ranges are for GET.
  const wanted = method === "GET" && isStillPart(headers, validators) ? rangesOf(headers.range, file.size) : "all";
  if (wanted === "none") {
    const fields = { "Content-Range": `bytes */${file.size}`, "Accept-Ranges": "bytes" };
    return problem({ status: 416, headers: fields }, headers.accept);
  }
  if (wanted === "all") {
    const pieces = file.size === 0 ? [] : [{ start: 0, end: file.size - 1 }];
    return { status: 200, headers: { ...common, "Content-Type": type }, body: { file, pieces } };
  }
  if (wanted.length === 1) {
    const fields = { ...common, "Content-Type": type, "Content-Range": contentRange(wanted[0]!, file.size) };
    return { status: 206, headers: fields, body: { file, pieces: wanted } };
  }
  const boundary = randomBytes(16).toString("hex");
  const fields = { ...common, "Content-Type": `multipart/byteranges; boundary=${boundary}` };
  return { status: 206, headers: fields, body: multipart(file, wanted, type, boundary) };
}

/** Made before the answer where that is quick, or plainly what is asked for; else when there is time. */
async function hashFor(file: ServedFile, { method, headers, signal }: FileRequest, hashes: Hashes): Promise<string | undefined> {
  const known = hashes.known(file);
  if (known !== undefined) return known;
  if (method !== "HEAD" && file.size > LIMITS.gatewayHashFirstBytes && !namesTag(headers, HASH_TAG)) {
    hashes.wantLater(file);
    return undefined;
  }
  const hash = withDeadline(hashes.wantNow(file), LIMITS.gatewayHashMs, "hashing").catch(() => undefined);
  return untilAborted(hash, signal);
}

function validatorFields({ tags, modified }: Validators): Record<string, string> {
  const dated = modified === undefined ? {} : { "Last-Modified": formatDate(modified) };
  // Files change: what a browser keeps of them it asks about each time, by the tag.
  return { ETag: tags[0]!, ...dated, "Cache-Control": "no-cache" };
}

const contentRange = ({ start, end }: Range, size: number): string => `bytes ${start}-${end}/${size}`;

/** RFC 9110, 14.6. */
function multipart(file: ServedFile, ranges: readonly Range[], type: string, boundary: string): FileBody {
  const pieces = ranges.flatMap((range, index) => [
    Buffer.from(
      `${index === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, file.size)}\r\n\r\n`,
    ),
    range,
  ]);
  return { file, pieces: [...pieces, Buffer.from(`\r\n--${boundary}--\r\n`)] };
}
