// `inbox`: what waits for the user. Looking marks nothing read.

import { printable, printableLines } from "../../core/text.ts";
import type { Inbox, InboxMessage } from "../../control/covey.ts";
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
    ["msg NAME", "a conversation; marks it read"],
    ["msg guest-3", "the same of somebody who wrote to what you serve"],
    ["receive N", "take what is offered"],
  );
  command.action(
    act(async ({ out, signal, covey }) => {
      const inbox = await (await covey()).inbox({ signal });
      if (inbox.messages.length + inbox.offers.length + inbox.guests.length === 0) out.note("Nothing waits for you.");
      out.result(inbox, wrapText(renderInbox(inbox, out), out.columns));
      if (inbox.messages.length > 0) out.note("\n`covey msg NAME` shows a conversation and marks it read.");
      if (inbox.guests.length > 0)
        out.note(`\n\`covey msg ${printable(inbox.guests[0]!.guest)}\` shows what that guest wrote and marks it read.`);
      if (inbox.offers.length > 0)
        out.note("\n`covey receive N` takes what is offered into this directory, `covey decline N` says no.");
    }),
  );
};

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
