// The heads on a stream: a u32 length and one CBOR map. The asking side sends {route, args}; the answer is {status: "ok", value, bytes}
// or {status: CODE, message, hint, details}. Then bytes, where the answer says so.

import * as v from "valibot";

import { u32 } from "../core/bytes.ts";
import { type Cbor, decodeCbor, encodeCbor } from "../core/cbor.ts";
import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { parse } from "../core/parse.ts";
import type { Stream } from "./contract.ts";
import { createStreamReader } from "./stream-io.ts";
import { errorFromPeer, errorToPeer, PeerError } from "./peer-error.ts";

const Request = v.object({
  route: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9./-]{0,127}$/, "is not the name of a route")),
  args: v.optional(v.unknown(), null),
});

const Ok = v.object({ status: v.literal("ok"), value: v.optional(v.unknown(), null), bytes: v.optional(v.boolean(), false) });
const Failed = v.pipe(
  v.object({ status: v.string(), ...v.omit(PeerError, ["code"]).entries }),
  v.check(({ status }) => status !== "ok", "is no error"),
);
const Answer = v.union([Ok, Failed]);

export type Request = v.InferOutput<typeof Request>;

export type Answer =
  | { readonly is: "ok"; readonly value: unknown; readonly bytes: boolean }
  | { readonly is: "failed"; readonly error: CoveyError };

export const encodeRequest = (route: string, args: Cbor): Buffer => head({ route, args });
export const decodeRequest = (bytes: Uint8Array): Request => parse(Request, decodeCbor(bytes, "a request"), "a request");

export const encodeOk = (value: Cbor, bytes: boolean): Buffer => head({ status: "ok", value, bytes });

export function encodeFailed(error: unknown): Buffer {
  const { code, message, hint, details } = errorToPeer(error);
  return head({ status: code, message, hint, details });
}

export function decodeAnswer(bytes: Uint8Array): Answer {
  const answer = parse(Answer, decodeCbor(bytes, "an answer"), "an answer");
  if ("value" in answer) return { is: "ok", value: answer.value, bytes: answer.bytes };
  const { status, ...rest } = answer;
  return { is: "failed", error: errorFromPeer({ ...rest, code: status }) };
}

function head(value: Cbor): Buffer {
  const body = encodeCbor(value);
  if (body.length > LIMITS.headBytes) {
    throw new CoveyError("limit", `a head of ${body.length} bytes is more than the ${LIMITS.headBytes} that are sent at once`);
  }
  return Buffer.concat([u32(body.length), body]);
}

/** What one session may still use of something. */
export interface Budget {
  left: number;
}

/** A head, and the stream of what follows it. */
export interface WithHead {
  readonly head: Buffer;
  readonly rest: Stream;
}

/** Reads one head. Rejects with `protocol` (too long, or the other side ended within it), `limit` (the budget) or `closed`. */
export async function readHead(stream: Stream, what: string, maxBytes: number, budget?: Budget): Promise<WithHead> {
  const reader = createStreamReader(stream, what);
  const length = (await reader.readExactly(4, 4)).readUInt32BE();
  if (length === 0 || length > maxBytes) throw new CoveyError("protocol", `${what} of ${length} bytes is not allowed`);
  if (budget === undefined) return { head: await reader.readExactly(length, maxBytes), rest: reader.handOver() };
  if (budget.left < length) throw new CoveyError("limit", "too many requests with large heads at once");
  budget.left -= length;
  try {
    return { head: await reader.readExactly(length, maxBytes), rest: reader.handOver() };
  } finally {
    budget.left += length;
  }
}
