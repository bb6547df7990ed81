// Whether the first line of a connection is a browser's. Pure.
//
// A page can make a browser send lines of its own to any port, but none before the first line of HTTP. Where everything is text that line
// comes as text; and a page whose own name was made to lead here (DNS rebinding) may ask with a method that it has made up, which nobody can
// tell from a word. What it can't change is how that line ends.

import type { TextMessage } from "./framing.ts";

const REQUEST_END = / HTTP\/\d\.\d$/;
const REQUEST_END_CHARS = " HTTP/1.1".length;
/** A method begins so (RFC 9110, 5.6.2). */
const METHOD = /^[\w!#$%&'*+.^`|~-]/;
/** A handshake record of TLS: a page chooses some of what is in it. */
const TLS_HELLO = "\x16\x03";

export class FirstLine {
  #last = "";
  #state: "new" | "open" | "over" = "new";

  /** Asked of each message: pauses may have cut the line into several. */
  isOfBrowser({ text, ending }: TextMessage): boolean {
    if (this.#state === "over") return false;
    if (this.#state === "new" && text.startsWith(TLS_HELLO)) return true;
    const mayBe = this.#state === "open" || METHOD.test(text);
    this.#state = mayBe && ending === "" ? "open" : "over";
    this.#last = (this.#last + text).slice(-REQUEST_END_CHARS);
    return mayBe && REQUEST_END.test(this.#last);
  }
}
