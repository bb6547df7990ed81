// A body in chunks (RFC 9112, 7.1), line ends with or without CR. Extensions and trailers are read over, to a bound. Pure.

import { LIMITS } from "../../core/limits.ts";
import { badAnswer } from "./bad-answer.ts";

type State =
  | { readonly at: "size" }
  | { readonly at: "data"; left: number }
  | { readonly at: "data-end" }
  | { readonly at: "trailer" }
  | { readonly at: "end" };

export class ChunkedBody {
  #state: State = { at: "size" };
  /** The beginning of a line whose end has not come. */
  #line = "";
  #trailerBytes = 0;

  /** The last chunk and what follows it has come. */
  get isWhole(): boolean {
    return this.#state.at === "end";
  }

  /** What of it is the file's; views of the bytes. Throws `protocol`. */
  *take(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length && this.#state.at !== "end";) {
      if (this.#state.at === "data") {
        const part = bytes.subarray(at, at + this.#state.left);
        at += part.length;
        this.#state.left -= part.length;
        if (this.#state.left === 0) this.#state = { at: "data-end" };
        yield part;
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      this.#line += bytes.toString("latin1", at, end < 0 ? undefined : end);
      if (this.#line.length > LIMITS.plainChunkLine)
        throw badAnswer(`a line between chunks has more than ${LIMITS.plainChunkLine} bytes`);
      if (end < 0) return;
      at = end + 1;
      this.#state = this.#after(this.#line.replace(/\r$/, ""));
      this.#line = "";
    }
  }

  #after(line: string): State {
    if (this.#state.at === "size") {
      const [, hex] = /^[ \t]*([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i.exec(line) ?? [];
      if (hex === undefined) throw badAnswer("the length of a chunk is no number");
      const left = Number.parseInt(hex, 16);
      return left === 0 ? { at: "trailer" } : { at: "data", left };
    }
    if (this.#state.at === "data-end") {
      if (line !== "") throw badAnswer("a chunk is longer than it said");
      return { at: "size" };
    }
    if (line === "") return { at: "end" };
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > LIMITS.plainHeadBytes)
      throw badAnswer(`what follows the last chunk has more than ${LIMITS.plainHeadBytes} bytes`);
    return { at: "trailer" };
  }
}
