// The bytes of a duplex on the daemon's socket, each way: frames of a u32 length and so many bytes; 0 ends the direction; CUT, then a frame
// with an ErrorJson, cuts both and says why. A socket that closes without one of these two was cut.

import { u32 } from "../../core/bytes.ts";
import { CoveyError, errorFromJson } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

const END = 0;
const CUT = 0xffffffff;

export const endFrame = (): Buffer => u32(END);

export function cutFrame(why: CoveyError): Buffer {
  const body = Buffer.from(JSON.stringify(why.toJSON()));
  return body.length <= LIMITS.controlFrameBytes
    ? Buffer.concat([u32(CUT), u32(body.length), body])
    : cutFrame(new CoveyError(why.code, "the stream was cut"));
}

/** The chunk as frames, without a copy of it. */
export function* dataFrames(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += LIMITS.controlFrameBytes) {
    const part = chunk.subarray(at, at + LIMITS.controlFrameBytes);
    yield u32(part.length);
    yield part;
  }
}

type FrameEvent =
  | { readonly is: "data"; readonly bytes: Buffer }
  | { readonly is: "end" }
  | { readonly is: "cut"; readonly why: CoveyError };

/** What has come so far of the frame that is being read. */
type Part =
  | { readonly is: "length"; readonly held: Buffer }
  | { readonly is: "data"; readonly left: number }
  | { readonly is: "reason-length"; readonly held: Buffer }
  | { readonly is: "reason"; readonly left: number; readonly held: Buffer }
  | { readonly is: "over" };

const START: Part = { is: "length", held: Buffer.alloc(0) };

/** Reads frames as they come; data is handed on as views of what came, whole frame or not. */
export class FrameReader {
  #part: Part = START;

  /** Throws `protocol` for what can't be a frame, and for anything behind an end. */
  *read(chunk: Buffer): Generator<FrameEvent> {
    for (let rest = chunk; rest.length > 0;) {
      const part = this.#part;
      switch (part.is) {
        case "over":
          throw new CoveyError("protocol", "there are bytes behind the end of a stream");
        case "data": {
          const bytes = rest.subarray(0, part.left);
          rest = rest.subarray(bytes.length);
          this.#part = bytes.length < part.left ? { is: "data", left: part.left - bytes.length } : START;
          yield { is: "data", bytes };
          break;
        }
        case "length":
        case "reason-length": {
          const missing = 4 - part.held.length;
          const held = part.held.length === 0 && rest.length >= 4 ? rest : Buffer.concat([part.held, rest.subarray(0, missing)]);
          rest = rest.subarray(missing);
          if (held.length < 4) this.#part = { ...part, held };
          else yield* this.#begin(part.is, held.readUInt32BE());
          break;
        }
        case "reason": {
          const held = Buffer.concat([part.held, rest.subarray(0, part.left)]);
          const left = part.left - (held.length - part.held.length);
          rest = rest.subarray(part.left);
          this.#part = left > 0 ? { is: "reason", left, held } : { is: "over" };
          if (left === 0) yield { is: "cut", why: reasonOf(held) };
        }
      }
    }
  }

  *#begin(what: "length" | "reason-length", length: number): Generator<FrameEvent> {
    if (what === "length" && length === END) {
      this.#part = { is: "over" };
      yield { is: "end" };
    } else if (what === "length" && length === CUT) {
      this.#part = { is: "reason-length", held: Buffer.alloc(0) };
    } else if (length === 0 || length > LIMITS.controlFrameBytes) {
      throw new CoveyError("protocol", `a frame of ${length} bytes is not allowed`);
    } else {
      this.#part = what === "length" ? { is: "data", left: length } : { is: "reason", left: length, held: Buffer.alloc(0) };
    }
  }
}

function reasonOf(body: Buffer): CoveyError {
  try {
    return errorFromJson(JSON.parse(body.toString()) as Parameters<typeof errorFromJson>[0]);
  } catch (error) {
    return new CoveyError("closed", "the stream was cut", { cause: error });
  }
}
