// Where the body of an answer ends. Pure.

import { badAnswer } from "./bad-answer.ts";
import type { AnswerHead } from "./head.ts";

export type Framing = { readonly by: "length"; readonly length: number } | { readonly by: "chunks" } | { readonly by: "close" };

/** A length that is no number is as good as none; two that differ are a fault. Throws `protocol`. */
export function framingOf(head: AnswerHead | undefined): Framing {
  if (head === undefined) return { by: "close" };
  if (head.status === 204) return { by: "length", length: 0 };
  const coding = head.fields.get("transfer-encoding")?.toLowerCase();
  if (coding === "chunked") return { by: "chunks" };
  if (coding !== undefined && coding !== "identity") throw badAnswer("the answer is in a transfer coding that was not asked for");
  const lengths = new Set(
    head.fields
      .get("content-length")
      ?.split(",")
      .map((one) => one.trim()),
  );
  if (lengths.size > 1) throw badAnswer("the answer has two lengths");
  const [length = ""] = lengths;
  const number = /^\d+$/.test(length) ? Number(length) : undefined;
  if (number === undefined) return { by: "close" };
  if (!Number.isSafeInteger(number)) throw badAnswer("the answer has an impossible length");
  return { by: "length", length: number };
}

/** "bytes 5-9/10": where a part begins, and how long the whole is; undefined: not said. */
export function contentRangeOf(head: AnswerHead): { readonly from: number; readonly size: number | undefined } | undefined {
  const [, from, to, size] = /^bytes[ \t]+(\d+)-(\d+)\/(\d+|\*)$/i.exec(head.fields.get("content-range") ?? "") ?? [];
  if (from === undefined) return undefined;
  const whole = size === "*" ? undefined : Number(size);
  const isPossible = Number(from) <= Number(to) && (whole === undefined || Number(to) < whole);
  return isPossible ? { from: Number(from), size: whole } : undefined;
}
