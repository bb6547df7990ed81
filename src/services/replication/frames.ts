// The bytes on a push stream, each frame behind its length in four bytes; all numbers are big-endian.
//   batch:   from 8 | to 8 | count 2 | count times: length 4, signed bytes | signature 64 | length 4 (2^32-1: none), value
//   answer:  store 16 | cursor 8 | count 2 | count times: verdict 1

import { ByteReader, toHex, u16, u32, u64 } from "../../core/bytes.ts";
import { CoveyError } from "../../core/errors.ts";
import type { StoreId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { IncomingResult, OutgoingBatch, Verdict, WireEntry } from "../../space/contract.ts";

export type Batch = Omit<OutgoingBatch, "more">;

const SIGNATURE_BYTES = 64;
const NO_VALUE = 0xffff_ffff;
/** A verdict's number on the wire is its place here. */
const VERDICTS: readonly Verdict[] = ["stored", "have", "deferred", "refused", "held"];

export function encodeBatch({ from, to, entries }: Batch): Buffer {
  const parts: Uint8Array[] = [u64(from), u64(to), u16(entries.length)];
  for (const { signed, signature, value } of entries) {
    parts.push(u32(signed.byteLength), signed, signature, u32(value === undefined ? NO_VALUE : value.byteLength));
    if (value !== undefined) parts.push(value);
  }
  return framed(parts, "a batch");
}

/** The entries are views of `frame`. Rejects with `protocol`. */
export function decodeBatch(frame: Uint8Array): Batch {
  const reader = new ByteReader(frame, "a batch");
  const from = reader.u53();
  const to = reader.u53();
  if (to < from) throw reader.error("ends before it begins");
  const count = reader.u16();
  if (count > LIMITS.pushEntries) throw reader.error(`has ${count} entries`);
  const entries: WireEntry[] = [];
  for (let i = 0; i < count; i++) {
    const signed = reader.take(reader.u32());
    const signature = reader.take(SIGNATURE_BYTES);
    const length = reader.u32();
    entries.push({ signed, signature, value: length === NO_VALUE ? undefined : reader.take(length) });
  }
  reader.end();
  return { from, to, entries };
}

export function encodeAnswer({ verdicts, cursor }: IncomingResult): Buffer {
  const marks = Uint8Array.from(verdicts, (verdict) => VERDICTS.indexOf(verdict));
  return framed([Buffer.from(cursor.store, "hex"), u64(cursor.seq), u16(verdicts.length), marks], "an answer");
}

export function decodeAnswer(frame: Uint8Array): IncomingResult {
  const reader = new ByteReader(frame, "an answer to a batch");
  const store = toHex(reader.take(16)) as StoreId;
  const seq = reader.u53();
  const count = reader.u16();
  const verdicts = Array.from(reader.take(count), (mark) => {
    const verdict = VERDICTS[mark];
    if (verdict === undefined) throw reader.error(`has the unknown verdict ${mark}`);
    return verdict;
  });
  reader.end();
  return { verdicts, cursor: { store, seq } };
}

function framed(parts: readonly Uint8Array[], what: string): Buffer {
  const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  if (bytes > LIMITS.pushFrameBytes) throw new CoveyError("internal", `${what} of ${bytes} bytes does not fit a frame`);
  return Buffer.concat([u32(bytes), ...parts], 4 + bytes);
}
