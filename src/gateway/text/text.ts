// Plain text on a port of the gateway. The protocol, exactly:
//
//   - A message ends with a newline ("\n" or "\r\n"), with a pause (LIMITS.textPauseLoopbackMs on this machine, LIMITS.textPauseMs
//     elsewhere), or with the end of the connection. The newline is no part of it. One that comes first behind a pause is the late end of
//     the message before that pause, and nothing else. A "\r" that is last before a pause or the end is dropped. Any other byte counts;
//     bytes that are no UTF-8 become U+FFFD, and a byte order mark before all else is dropped.
//   - Each message has one answer, in order, when what it did is durable. An answer ends as its message did: in "\n", "\r\n" or nothing.
//       get_data            the strings of the list, joined by commas; of an empty list, one newline in any case
//       update_data,a,b     update_ack. These are the list now; `update_data` and `update_data,` make it empty
//       quit                no answer; the connection is closed, and what comes behind it is not read
//       (an empty line)     the reply; nobody is told. Who waits for an answer gets one
//       anything else       the reply (message_ack unless told otherwise; an empty one is not written). It is a guest's message
//     What can't be done is answered `refused: ` and the reason; so are more messages than LIMITS.guestMessagesPerMinute, or bytes of them
//     than LIMITS.guestBytesPerMinute, from one address.
//   - A first line that ends in " HTTP/1.1" (or another version), or a hello of TLS, is a browser's, which a page may have led here: it is
//     answered `refused: …` and a newline, the connection ends, and nothing of it is heard.
//   - With a greeting, that comes first, as it is, before anything is asked; with `close`, the connection then ends.
//   - With a token, the first message has to be the token: it is answered `token_ack`, anything else `refused: …`, the third time as the
//     last word.
//   - A message over LIMITS.textMessageBytes is answered `refused: …` and a newline, and the connection ends. One that takes longer than
//     LIMITS.textMessageMs, without a pause, is cut.
//   - A client that has sent its end is answered to the last message; then the connection is closed. A client that says nothing is cut after
//     LIMITS.gatewayIdleMs, or LIMITS.textIdleMs once it has said something (and is admitted); so is one that takes no answer.
//   - A guest may be written to at any time: such a text ends as the guest's last message did.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import { groupOf } from "../../transport/address.ts";
import type { GuestMessages } from "../../services/messages/contract.ts";
import type { Served, TextSpeaker } from "../served.ts";
import { TextConnection } from "./connection.ts";
import { Conversation } from "./conversation.ts";
import { perMinute } from "./rate.ts";

export interface TextOptions {
  /** What every client is told when it connects. */
  readonly greeting: string | undefined;
  /** The connection ends after the greeting. */
  readonly close: boolean;
  /** The answer to a message; "" for none. */
  readonly reply: string;
  readonly guests: Pick<GuestMessages, "newGuest" | "hear">;
}

export function createText(served: Served, options: TextOptions): TextSpeaker {
  const talk = { served, ...options };
  const messages = perMinute(LIMITS.guestMessagesPerMinute, served.clock);
  const bytes = perMinute(LIMITS.guestBytesPerMinute, served.clock);
  const open = new Map<Conversation, { readonly connection: TextConnection; readonly done: Promise<void> }>();
  return {
    take(socket, first) {
      const group = groupOf(socket.remoteAddress ?? "");
      const connection = new TextConnection(socket, first);
      const mayBeHeard = (text: string): boolean => messages(group, 1) && bytes(group, Buffer.byteLength(text));
      const conversation = new Conversation(talk, connection, mayBeHeard);
      const done = conversation.run().finally(() => open.delete(conversation));
      open.set(conversation, { connection, done });
    },

    guests: () => [...open.keys()].map(({ guest }) => guest).filter((guest) => guest !== undefined),

    async tell(guest, text) {
      const conversation = [...open.keys()].find((one) => one.guest === guest);
      if (conversation === undefined)
        throw new CoveyError("not-found", `${printable(guest)} is not connected now`, {
          hint: "Only a guest whose connection is still open can be written to.",
        });
      conversation.tell(text);
    },

    async close() {
      const all = [...open.values()];
      for (const { connection } of all) connection.cut();
      await Promise.all(all.map(({ done }) => done));
    },
  };
}
