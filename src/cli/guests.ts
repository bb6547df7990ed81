// Those who write to the gateway without covey: what a guest said, and an answer to it.

import { CoveyError } from "../core/errors.ts";
import { printable, printableLines } from "../core/text.ts";
import type { Covey } from "../control/covey.ts";
import type { GuestMessage } from "../services/messages/contract.ts";
import type { Context } from "./context.ts";
import { formatTime } from "./format.ts";
import type { Output } from "./output.ts";

const SHOWN = 20;

/** What `msg guest-3` does, with a text and without. */
export async function talkToGuest(
  { out, signal }: Context,
  covey: Covey,
  guest: string,
  text: string | undefined,
): Promise<void> {
  if (text === undefined) return showGuest(out, signal, covey, guest);
  await covey.tellGuest(guest, text, { signal });
  out.say(null, `sent to ${guest}`);
}

/** The last twenty, or all that are unread; they are read then. */
async function showGuest(out: Output, signal: AbortSignal, covey: Covey, guest: string): Promise<void> {
  const unread = (await covey.inbox({ signal })).guests.filter((message) => message.guest === guest);
  const messages = await covey.guestMessages({ guest, limit: Math.max(SHOWN, unread.length), signal });
  if (messages.length === 0)
    throw new CoveyError("not-found", `no ${guest} has written anything`, { hint: "`covey inbox` shows who has." });
  out.result(messages, messages.map((message) => renderGuestMessage(message, out)).join("\n"));
  await covey.markGuestsRead(
    messages.map(({ id }) => id),
    { signal },
  );
}

/** "12:05  guest-3 (192.0.2.7:5000): Hello". */
export function renderGuestMessage({ guest, address, text, sentAtMs }: GuestMessage, out: Output): string {
  const who = `${out.style("cyan", printable(guest))} ${out.style("dim", `(${printable(address)})`)}`;
  return `${out.style("dim", formatTime(sentAtMs))}  ${who}: ${printableLines(text).replaceAll("\n", "\n    ")}`;
}
