// Messages with every paired peer, as a view on the direct spaces.

import { CoveyError } from "../../core/errors.ts";
import type { PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/log.ts";
import type { PeerBook } from "../../identity/contract.ts";
import type { SpaceStore } from "../../space/contract.ts";
import type { Message, MessageEvent, Messages } from "./contract.ts";
import { encodeMessage } from "./envelope.ts";
import { createGuestMessages } from "./guests.ts";
import { newest, unread, type Conversation } from "./history.ts";
import { createWatermark, type Watermark } from "./watermark.ts";
import { watchConversation } from "./watch.ts";

const LISTED = 100;

export interface MessagesNeeds {
  readonly store: Pick<
    SpaceStore,
    | "author"
    | "incarnation"
    | "self"
    | "direct"
    | "write"
    | "get"
    | "list"
    | "changes"
    | "now"
    | "subscribe"
    | "putLocal"
    | "getLocal"
  >;
  readonly book: Pick<PeerBook, "list" | "byId" | "subscribe">;
  readonly log: Logger;
}

/** Keeps this member's watermark towards every paired peer from now on. */
export function createMessages({ store, book, log }: MessagesNeeds): Messages {
  const watermarks = new Map<PeerId, Promise<Watermark>>();
  const closing = new AbortController();

  async function conversationWith(peer: PeerId): Promise<Conversation> {
    closing.signal.throwIfAborted();
    if (book.byId(peer) === undefined) throw new CoveyError("not-paired", "there is no such paired peer");
    return { space: await store.direct(peer), peer };
  }

  function watermarkOf(peer: PeerId): Promise<Watermark> {
    const known = watermarks.get(peer);
    if (known !== undefined) return known;
    const made = conversationWith(peer).then((conversation) => createWatermark(store, conversation, log));
    watermarks.set(peer, made);
    made.catch((error: unknown) => {
      watermarks.delete(peer);
      log.warn({ peer, why: String(error) }, "no watermark is kept");
    });
    return made;
  }

  const closeOf = (made: Promise<Watermark>): Promise<void> => made.then((watermark) => watermark.close()).catch(() => {});

  function bookChanged(): void {
    for (const [peer, made] of watermarks) {
      if (book.byId(peer) !== undefined) continue;
      watermarks.delete(peer);
      void closeOf(made);
    }
    for (const { peerId } of book.list()) void watermarkOf(peerId).catch(() => {});
  }

  const unsubscribe = book.subscribe(bookChanged);
  bookChanged();

  return {
    async send(peer, text): Promise<Message> {
      const { space } = await conversationWith(peer);
      const [written] = await store.write(space, [{ append: "msg", value: encodeMessage(text) }]);
      return { id: written!.id, with: peer, from: store.author, text, sentAtMs: written!.clockMs, state: "queued" };
    },

    async list(peer, { limit = LISTED } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.messagePage) {
        throw new CoveyError("bad-argument", `${limit} messages can't be listed; 1 to ${LIMITS.messagePage} can`);
      }
      return newest(store, await conversationWith(peer), limit);
    },

    async *watch(peer, { after, signal }): AsyncGenerator<MessageEvent, void> {
      yield* watchConversation(store, await conversationWith(peer), after, AbortSignal.any([signal, closing.signal]));
    },

    unread: async (peer) => unread(store, await conversationWith(peer)),

    countUnread: async (peer) => (await watermarkOf(peer)).countUnread(),

    markRead: async (peer, shown) => (await watermarkOf(peer)).markRead(shown),

    guests: createGuestMessages(store),

    async close() {
      closing.abort(new CoveyError("closed", "this peer is closing"));
      unsubscribe();
      const all = [...watermarks.values()];
      watermarks.clear();
      await Promise.all(all.map(closeOf));
    },
  };
}
