// The frames of Yamux (hashicorp/yamux, spec.md), to and from bytes. Pure: no socket, no streams, no time.
//
//   version 8 | type 8 | flags 16 | stream id 32 | length 32 | data, if it is a data frame
//
// 1. encodeHeader makes the twelve bytes before what is sent.
// 2. FrameDecoder finds the headers in the chunks that arrive and hands the data on as views of those chunks.

import { CoveyError } from "../../core/errors.ts";

// From the spec.
export const HEADER_BYTES = 12;
export const INITIAL_WINDOW = 256 * 1024;
export const MAX_U32 = 0xffff_ffff;
export const DATA = 0;
export const WINDOW_UPDATE = 1;
export const PING = 2;
export const GO_AWAY = 3;
export const SYN = 1;
export const ACK = 2;
export const FIN = 4;
export const RST = 8;
export const GOODBYE = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;

export type FrameType = typeof DATA | typeof WINDOW_UPDATE | typeof PING | typeof GO_AWAY;

export function encodeHeader(type: FrameType, flags: number, id: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = 0;
  header[1] = type;
  header[2] = 0;
  header[3] = flags;
  header.writeUInt32BE(id, 4);
  header.writeUInt32BE(length, 8);
  return header;
}

/** What the decoder finds, in order. What these throw stops it and passes through `push`. */
export interface FrameSink {
  /** `length`: bytes of data to come, credit, opaque value or reason, by type. Flags and id fit the type. */
  frame(type: FrameType, flags: number, id: number, length: number): void;
  /** The next bytes of the last data frame, never empty; `last` with the last of them. Not called for an empty frame. */
  data(bytes: Buffer, last: boolean): void;
}

/** Throws `protocol` for what can't be a frame; it is not to be used afterwards. Holds at most an unfinished header. */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #dataLeft = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#dataLeft > 0) {
        const end = Math.min(chunk.length, at + this.#dataLeft);
        this.#dataLeft -= end - at;
        this.#sink.data(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end), this.#dataLeft === 0);
        at = end;
      } else if (this.#headerBytes === 0 && chunk.length - at >= HEADER_BYTES) {
        this.#frame(chunk, at);
        at += HEADER_BYTES;
      } else {
        const copied = chunk.copy(this.#header, this.#headerBytes, at);
        at += copied;
        this.#headerBytes += copied;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#frame(this.#header, 0);
      }
    }
  }

  #frame(bytes: Buffer, at: number): void {
    const type = bytes[at + 1]!;
    const flags = bytes.readUInt16BE(at + 2);
    const id = bytes.readUInt32BE(at + 4);
    const length = bytes.readUInt32BE(at + 8);
    if (bytes[at] !== 0) throw new CoveyError("protocol", `a frame has the unknown version ${bytes[at]}`);
    if (!fits(type, flags, id)) throw new CoveyError("protocol", `a frame has type ${type}, flags ${flags} and stream ${id}`);
    if (type === DATA) this.#dataLeft = length;
    this.#sink.frame(type, flags, id, length);
  }
}

function fits(type: number, flags: number, id: number): type is FrameType {
  switch (type) {
    case DATA:
    case WINDOW_UPDATE:
      return id > 0 && flags <= (SYN | ACK | FIN | RST) && (flags & (SYN | ACK)) !== (SYN | ACK);
    case PING:
      return id === 0 && (flags === SYN || flags === ACK);
    case GO_AWAY:
      return id === 0 && flags === 0;
    default:
      return false;
  }
}
