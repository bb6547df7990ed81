// What a program said, as it comes, for a terminal: text that can't command it.

import { printableLines } from "../core/text.ts";

/** Characters may be cut anywhere between two pieces; line breaks of either kind are line breaks. */
export class TerminalText {
  readonly #decoder = new TextDecoder();
  /** A carriage return that may be half of a line break. */
  #held = "";
  #last = "\n";

  get isWithinLine(): boolean {
    return this.#last !== "\n";
  }

  add(bytes: Uint8Array): string {
    return this.#show(this.#decoder.decode(bytes, { stream: true }), true);
  }

  end(): string {
    return this.#show(this.#decoder.decode(), false);
  }

  #show(more: string, goesOn: boolean): string {
    const text = this.#held + more;
    this.#held = goesOn && text.endsWith("\r") ? "\r" : "";
    const shown = printableLines(text.slice(0, text.length - this.#held.length).replaceAll("\r\n", "\n"));
    this.#last = shown.at(-1) ?? this.#last;
    return shown;
  }
}
