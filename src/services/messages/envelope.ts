// The value of a message entry: CBOR {v: 1, text}, and of a guest's {v: 1, text, guest, address}. A later version may add keys; one that
// can't be read as this raises `v`.

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
  guest: v.exactOptional(v.pipe(v.string(), v.maxLength(64))),
  address: v.exactOptional(v.pipe(v.string(), v.maxLength(64))),
});

/** Who wrote to the gateway, and from where. */
export interface GuestSender {
  readonly guest: string;
  readonly address: string;
}

/** Throws `bad-argument`, or `limit` for a text over LIMITS.messageBytes. */
export function encodeMessage(text: string, from?: GuestSender): Buffer {
  if (text === "") throw new CoveyError("bad-argument", "the message is empty", { hint: "Give it some text." });
  if (!text.isWellFormed()) throw new CoveyError("bad-argument", "the message has half a character in it (a lone surrogate)");
  const bytes = Buffer.byteLength(text);
  if (bytes > LIMITS.messageBytes) {
    throw new CoveyError("limit", `the message has ${bytes} bytes; ${LIMITS.messageBytes} are allowed`, {
      hint: "Send it as a file.",
    });
  }
  return encodeCbor({ v: 1, text, guest: from?.guest, address: from?.address });
}

/** `guest` and `address` are there in a guest's message. undefined for what is no message that this version can show. */
export function decodeMessage(value: Uint8Array): ({ readonly text: string } & Partial<GuestSender>) | undefined {
  try {
    const parsed = v.safeParse(schema, decodeCbor(value, "a message"));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
