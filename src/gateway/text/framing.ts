// Bytes and pauses become messages. Pure. What ends a message is
//
//   1. a newline, "\n" or "\r\n"
//   2. a pause, which is told by `pause`; so is the end of the connection. A newline that comes late, first behind the pause, belongs to the
//      message before it and is no message of its own; a "\r" right before the pause is half of one, and no text
//
// However the bytes between two pauses are cut, the messages are the same. Bytes that are no UTF-8 become U+FFFD.

import { LIMITS } from "../../core/limits.ts";

export type Ending = "\n" | "\r\n" | "";

export interface TextMessage {
  readonly text: string;
  readonly ending: Ending;
}

const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;

export class Framing {
  /** What has come and is in no message yet, from #start to #end. */
  #bytes: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** There is no newline before it. */
  #searched = 0;
  /** Where pauses were. */
  #pauses: number[] = [];
  /** The last message was ended by a pause, and its newline may still come. */
  #newlineMayCome = false;
  #tooLong = false;

  /** Bytes that are in no message yet. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Messages that a pause ended and that have not been taken. */
  get pauses(): number {
    return this.#pauses.length;
  }

  /** Whether there is something that a pause would make a message of. */
  get isOpen(): boolean {
    return this.#end > (this.#pauses.at(-1) ?? this.#start) && this.#bytes[this.#end - 1] !== LF;
  }

  /** The bytes must not be changed afterwards. */
  push(chunk: Buffer): void {
    if (this.#tooLong || chunk.length === 0) return;
    if (this.#start === this.#end) {
      this.#bytes = chunk;
      this.#start = this.#searched = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  pause(): void {
    if (this.isOpen) this.#pauses.push(this.#end);
  }

  /** The next message, if it is whole. Behind one that is `too-long`, over LIMITS.textMessageBytes, there are no others. */
  next(): TextMessage | "too-long" | undefined {
    for (let message; (message = this.#cut()) !== undefined;) {
      if (message === "too-long") return this.#giveUp();
      const late = this.#newlineMayCome && message.text === "";
      if (!late || message.ending !== "") this.#newlineMayCome = message.ending === "";
      if (!late) return message;
    }
    return undefined;
  }

  #cut(): TextMessage | "too-long" | undefined {
    const pause = this.#pauses[0];
    const until = pause ?? this.#end;
    const found = this.#bytes.subarray(this.#searched, until).indexOf(LF);
    const newline = found < 0 ? undefined : this.#searched + found;
    const end = newline ?? until;
    const textEnd = end > this.#start && this.#bytes[end - 1] === CR ? end - 1 : end;
    if (textEnd - this.#start > LIMITS.textMessageBytes) return "too-long";
    this.#searched = end;
    if (newline === undefined && pause === undefined) return undefined;

    const text = this.#bytes.toString("utf8", this.#start, textEnd);
    this.#start = this.#searched = newline === undefined ? end : newline + 1;
    if (this.#start === pause) this.#pauses.shift();
    if (this.#start === this.#end) this.#bytes = NOTHING;
    if (newline === undefined) return { text, ending: "" };
    return { text, ending: textEnd < newline ? "\r\n" : "\n" };
  }

  /** Grows by doubling: a message that comes byte by byte is copied a few times only. */
  #makeRoom(more: number): void {
    const kept = this.#bytes.subarray(this.#start, this.#end);
    const roomy = Buffer.allocUnsafeSlow(2 * (kept.length + more));
    roomy.set(kept);
    this.#bytes = roomy;
    this.#pauses = this.#pauses.map((at) => at - this.#start);
    this.#searched -= this.#start;
    this.#end = kept.length;
    this.#start = 0;
  }

  #giveUp(): "too-long" {
    this.#tooLong = true;
    this.#bytes = NOTHING;
    this.#start = this.#end = this.#searched = 0;
    this.#pauses = [];
    return "too-long";
  }
}
