// The answer to a request for a file, of which all is known that is said: 1. the conditions, 2. the parts that were asked for. Pure.

import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import { type Answer, type Body, problem } from "./answer.ts";
import { conditionOf, isStillPart } from "./conditions.ts";
import { type Range, rangesOf } from "./ranges.ts";
import { type Representation, validatorFields } from "./representation.ts";
import type { ServedFile } from "./served-file.ts";

interface FileRequest {
  readonly method: "GET" | "HEAD";
  readonly headers: IncomingHttpHeaders;
  /** Its head has to be short: see send.ts. */
  readonly plain: boolean;
}

/** In memory, or open: then it is released by whoever has the answer. */
type Content = Buffer | ServedFile;

export function answerWithFile(content: Content, about: Representation, { method, headers, plain }: FileRequest): Answer {
  const { validators, type } = about;
  const size = Buffer.isBuffer(content) ? content.length : content.size;
  const fields = plain ? about.fields : about.guardedFields;
  const status = conditionOf(headers, validators);
  if (status === 304) return { status, headers: fields, body: undefined };
  if (status === 412) return problem({ status, headers: validatorFields(validators) }, headers.accept);
  // RFC 9110: ranges are for GET.
  const wanted = method === "GET" && isStillPart(headers, validators) ? rangesOf(headers.range, size) : "all";
  if (wanted === "none") {
    const refused = { "Content-Range": `bytes */${size}`, "Accept-Ranges": "bytes" };
    return problem({ status: 416, headers: refused }, headers.accept);
  }
  if (wanted === "all") {
    const pieces = size === 0 ? [] : [{ start: 0, end: size - 1 }];
    return { status: 200, headers: { ...fields, "Content-Type": type }, body: bodyOf(content, pieces) };
  }
  if (wanted.length === 1) {
    const part = { "Content-Type": type, "Content-Range": contentRange(wanted[0]!, size) };
    return { status: 206, headers: { ...fields, ...part }, body: bodyOf(content, wanted) };
  }
  const boundary = randomBytes(16).toString("hex");
  const parts = { "Content-Type": `multipart/byteranges; boundary=${boundary}` };
  return { status: 206, headers: { ...fields, ...parts }, body: bodyOf(content, multipart(wanted, size, type, boundary)) };
}

function bodyOf(content: Content, pieces: readonly (Buffer | Range)[]): Body {
  if (!Buffer.isBuffer(content)) return { file: content, pieces };
  const bytes = pieces.map((piece) => (Buffer.isBuffer(piece) ? piece : content.subarray(piece.start, piece.end + 1)));
  return bytes.length === 1 ? bytes[0] : Buffer.concat(bytes);
}

const contentRange = ({ start, end }: Range, size: number): string => `bytes ${start}-${end}/${size}`;

/** RFC 9110, 14.6. */
function multipart(ranges: readonly Range[], size: number, type: string, boundary: string): readonly (Buffer | Range)[] {
  const pieces = ranges.flatMap((range, index) => [
    Buffer.from(
      `${index === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
    ),
    range,
  ]);
  return [...pieces, Buffer.from(`\r\n--${boundary}--\r\n`)];
}
