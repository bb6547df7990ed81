// Text from a pipe, for the argument `-`.

import type { Readable } from "node:stream";
import { addAbortSignal } from "node:stream";

import { CoveyError } from "../core/errors.ts";

const LINE_BREAK_BYTES = 2;

/** All of it as UTF-8, without one line break at its end, which is not counted. Rejects with `bad-argument`, `limit`, or the signal's reason. */
export async function readText(input: Readable, maxBytes: number, signal: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of addAbortSignal(signal, input)) {
      parts.push(part as Buffer);
      size += (part as Buffer).length;
      if (size > maxBytes + LINE_BREAK_BYTES) {
        throw new CoveyError("limit", `stdin has more than ${maxBytes} bytes`, {
          hint: "`covey send FILE NAME:` has no such limit.",
        });
      }
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)).replace(/\r?\n$/, "");
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof CoveyError) throw error;
    throw new CoveyError("bad-argument", "stdin is not UTF-8 text", { cause: error });
  }
}
