// `inbox`: what waits for the user. Looking alone marks nothing read.

import { printable, printableLines } from "../../core/text.ts";
import type { Covey, Inbox, InboxMessage } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import { formatTime } from "../format.ts";
import { renderGuestMessage } from "../guests.ts";
import { examples } from "../help.ts";
import { describeOffer, listRoots } from "../offer.ts";
import type { Output } from "../output.ts";
import { wrapText } from "../width.ts";

export const define: Define = (command, act) => {
  examples(
    command,
    ["inbox", "unread messages, and what is offered"],
    ["inbox --read", "the same, and the messages are read then"],
    ["msg NAME", "a conversation; marks it read"],
    ["msg guest-3", "the same of somebody who wrote to what you serve"],
    ["receive N", "take what is offered"],
  );
  command.option("--read", "mark the messages that are shown read").action(
    act(async ({ out, signal, covey }, { read = false }: { readonly read?: boolean }) => {
      const me = await covey();
      const inbox = await me.inbox({ signal });
      if (inbox.messages.length + inbox.offers.length + inbox.guests.length === 0) out.note("Nothing waits for you.");
      out.result(inbox, wrapText(renderInbox(inbox, out), out.columns));
      if (read) await markRead(me, inbox, signal);
      if (!read && inbox.messages.length > 0) out.note("\n`covey msg NAME` shows a conversation and marks it read.");
      if (!read && inbox.guests.length > 0)
        out.note(`\n\`covey msg ${printable(inbox.guests[0]!.guest)}\` shows what that guest wrote and marks it read.`);
      if (inbox.offers.length > 0)
        out.note("\n`covey receive N` takes what is offered into this directory, `covey decline N` says no.");
    }),
  );
};

async function markRead(me: Covey, { messages, guests }: Inbox, signal: AbortSignal): Promise<void> {
  const ids = (shown: readonly { readonly id: string }[]): readonly string[] => shown.map(({ id }) => id);
  for (const [peer, shown] of Map.groupBy(messages, (message) => message.with))
    await me.peer(peer).markRead({ shown: ids(shown), signal });
  if (guests.length > 0) await me.markGuestsRead(ids(guests), { signal });
}

function renderInbox({ messages, offers, guests }: Inbox, out: Output): string {
  const said = [
    ...messages.map((message) => ({ atMs: message.sentAtMs, line: renderUnread(message, out) })),
    ...guests.map((message) => ({ atMs: message.sentAtMs, line: renderGuestMessage(message, out) })),
  ]
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ line }) => line);
  const offered = offers.map((offer) =>
    [
      `${out.style("bold", `#${offer.number}`)}  ${describeOffer(offer)}, from ${printable(offer.peerName)}`,
      ...listRoots(offer).map((root) => `    ${root}`),
    ].join("\n"),
  );
  return [...said, ...(said.length > 0 && offered.length > 0 ? [""] : []), ...offered].join("\n");
}

const renderUnread = ({ peer, text, sentAtMs }: InboxMessage, out: Output): string =>
  `${out.style("dim", formatTime(sentAtMs))}  ${out.style("cyan", printable(peer))}: ${printableLines(text).replaceAll("\n", "\n    ")}`;
