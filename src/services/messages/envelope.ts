// The value of a message entry: CBOR {v: 1, text}. A later version may add keys; one that can't be read as this raises `v`.

import * as v from "valibot";

import { decodeCbor, encodeCbor } from "../../core/cbor.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

const schema = v.object({
  v: v.literal(1),
  text: v.pipe(
    v.string(),
    v.nonEmpty(),
    v.check((text) => text.isWellFormed()),
  ),
});

/** Throws `bad-argument`, or `limit` for a text over LIMITS.messageBytes. */
export function encodeMessage(text: string): Buffer {
  if (text === "") throw new CoveyError("bad-argument", "the message is empty", { hint: "Give it some text." });
  if (!text.isWellFormed()) throw new CoveyError("bad-argument", "the message has half a character in it (a lone surrogate)");
  const bytes = Buffer.byteLength(text);
  if (bytes > LIMITS.messageBytes) {
    throw new CoveyError("limit", `the message has ${bytes} bytes; ${LIMITS.messageBytes} are allowed`, {
      hint: "Send it as a file.",
    });
  }
  return encodeCbor({ v: 1, text });
}

/** undefined for what is no message that this version can show. */
export function decodeMessage(value: Uint8Array): string | undefined {
  try {
    const parsed = v.safeParse(schema, decodeCbor(value, "a message"));
    return parsed.success ? parsed.output.text : undefined;
  } catch {
    return undefined;
  }
}
