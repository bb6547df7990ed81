// The stream that programs get.

import { CoveyError } from "../../core/errors.ts";
import type { Stream } from "../../session/contract.ts";
import type { ByteStream } from "./contract.ts";

export const byteStream = (stream: Stream): ByteStream => ({
  async write(chunk) {
    if (!(chunk instanceof Uint8Array))
      throw new CoveyError("bad-argument", "only bytes, a Uint8Array, can be written to a stream", {
        hint: "Buffer.from(text) makes bytes of a text.",
      });
    return stream.write(chunk);
  },
  end: () => stream.end(),
  read: () => stream.read(),
  reset: () => stream.reset(),
  closed: stream.closed,
  async *[Symbol.asyncIterator]() {
    for (let chunk; (chunk = await stream.read()) !== null;) yield chunk;
  },
  async [Symbol.asyncDispose]() {
    stream.reset();
  },
});
