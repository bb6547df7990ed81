// What is said on one connection, by the rules in text.ts: a greeting, the token, then an answer to each message, one after the other.

import { equalBytes } from "../../core/bytes.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import type { GuestMessages } from "../../services/messages/contract.ts";
import type { Served } from "../served.ts";
import { commandOf } from "./commands.ts";
import type { TextConnection } from "./connection.ts";
import { FirstLine } from "./first-line.ts";
import type { Ending } from "./framing.ts";

/** The same for all conversations of a serving. */
export interface Talk {
  readonly served: Served;
  readonly greeting: string | undefined;
  readonly close: boolean;
  readonly reply: string;
  readonly guests: Pick<GuestMessages, "newGuest" | "hear">;
}

const TOKENS_TRIED = 3;

/** `text` is written as it is, and nothing when it is empty. */
interface Answer {
  readonly text: string;
  /** The conversation is over behind it. */
  readonly last?: true;
}

export class Conversation {
  readonly #talk: Talk;
  readonly #connection: TextConnection;
  readonly #mayBeHeard: (text: string) => boolean;
  #guest: string | undefined;
  /** Of the client's last message: what is written to it ends in the same. */
  #ending: Ending = "";
  #isAdmitted: boolean;
  #tokensTried = 0;

  /** `mayBeHeard`: whether such a message from there is not too much now. */
  constructor(talk: Talk, connection: TextConnection, mayBeHeard: (text: string) => boolean) {
    this.#talk = talk;
    this.#connection = connection;
    this.#mayBeHeard = mayBeHeard;
    this.#isAdmitted = talk.served.token === undefined;
  }

  /** Whom it is with, once that one was heard and as long as there is a way to answer. */
  get guest(): string | undefined {
    return this.#connection.isOpen ? this.#guest : undefined;
  }

  /** Throws `limit` when the client takes nothing. */
  tell(text: string): void {
    this.#connection.push(text + this.#ending);
  }

  /** Resolves when the connection is closed and what came on it was heard. */
  async run(): Promise<void> {
    const { greeting, close } = this.#talk;
    if (greeting !== undefined && close) return this.#connection.end(greeting);
    if (greeting !== undefined) await this.#connection.write(greeting);
    const firstLine = new FirstLine();
    let isFirst = true;
    for await (const message of this.#connection.messages()) {
      if (message === "too-long") return this.#connection.end(tooLong);
      if (firstLine.isOfBrowser(message)) return this.#connection.end(noText);
      // Some programs begin whatever they write with a byte order mark.
      const text = isFirst ? message.text.replace(/^\ufeff/, "") : message.text;
      if (isFirst && this.#isAdmitted) this.#connection.allowSilence(LIMITS.textIdleMs);
      isFirst = false;
      this.#ending = message.ending;
      const answer = await this.#answerTo(text);
      if (answer.last) return this.#connection.end(answer.text);
      if (answer.text !== "") await this.#connection.write(answer.text);
    }
    return this.#connection.end();
  }

  /** Never rejects. */
  async #answerTo(text: string): Promise<Answer> {
    if (!this.#isAdmitted) return this.#takeToken(text);
    const command = commandOf(text);
    try {
      switch (command.type) {
        case "quit":
          return { text: "", last: true };
        case "get":
          return await this.#get();
        case "update":
          return await this.#update(command.values);
        case "nothing":
          return this.#reply();
        case "message":
          return await this.#hear(command.text);
      }
    } catch (error) {
      return this.#line(this.#refusal(error));
    }
  }

  #takeToken(text: string): Answer {
    this.#isAdmitted = equalBytes(Buffer.from(text), Buffer.from(this.#talk.served.token!));
    if (this.#isAdmitted) {
      this.#connection.allowSilence(LIMITS.textIdleMs);
      return this.#line("token_ack");
    }
    const refusal = this.#line("refused: the first message has to be the token");
    return ++this.#tokensTried < TOKENS_TRIED ? refusal : { ...refusal, last: true };
  }

  async #get(): Promise<Answer> {
    const values = await this.#onList("get", (list) => list.read());
    const text = values.join(",");
    // Nobody can receive nothing.
    return text === "" ? { text: this.#ending || "\n" } : this.#line(text);
  }

  async #update(values: readonly string[]): Promise<Answer> {
    await this.#onList("update", async (list) => {
      await list.write(values);
      return values;
    });
    return this.#line("update_ack");
  }

  async #onList(
    action: "get" | "update",
    act: (list: NonNullable<Served["list"]>) => Promise<readonly string[]>,
  ): Promise<readonly string[]> {
    const { served } = this.#talk;
    if (served.list === undefined) throw new CoveyError("refused", "there is no list here");
    const tell = (count: number, refused: string | undefined): void =>
      served.tell({ type: "list", atMs: served.clock.nowMs(), from: this.#connection.client, action, count, refused });
    try {
      const values = await act(served.list);
      tell(values.length, undefined);
      return values;
    } catch (error) {
      tell(0, reasonOf(error));
      throw error;
    }
  }

  async #hear(text: string): Promise<Answer> {
    const { guests, served } = this.#talk;
    if (!this.#mayBeHeard(text)) throw new CoveyError("refused", "too much came from your address; wait a minute");
    const from = this.#connection.client;
    const guest = this.#guest ?? (await guests.newGuest());
    await guests.hear({ guest, address: from, text });
    this.#guest = guest;
    served.tell({ type: "message", atMs: served.clock.nowMs(), from, guest, text });
    return this.#reply();
  }

  #reply(): Answer {
    return this.#talk.reply === "" ? { text: "" } : this.#line(this.#talk.reply);
  }

  #line(text: string): Answer {
    return { text: text + this.#ending };
  }

  #refusal(error: unknown): string {
    if (!isTheirs(error))
      this.#talk.served.log.warn({ from: this.#connection.client, why: String(error) }, "a text client could not be answered");
    return `refused: ${reasonOf(error)}`;
  }
}

const noText = "refused: this is a request of HTTP or TLS, and here is only text\n";
const tooLong = `refused: a message has at most ${LIMITS.textMessageBytes} bytes\n`;

const isTheirs = (error: unknown): error is CoveyError =>
  error instanceof CoveyError && (error.code === "refused" || error.code === "limit" || error.code === "bad-argument");

/** What may be said of it to anybody: a fault of this side can name what is nobody else's business. */
function reasonOf(error: unknown): string {
  if (isTheirs(error)) return printable(error.message);
  const isFull = error instanceof CoveyError && error.code === "no-space";
  return isFull ? "there is no room for it here now" : "it can't be done now; try again later";
}
