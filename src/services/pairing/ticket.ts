// The ticket: what one user hands to another so that their devices meet. Pure.
//
//   text    "covey1", then base32 of the bytes; case, white space and line breaks don't matter
//   bytes   u8 version (1), u8 length of all of them, 32 key, 16 secret, u32 expiry in seconds since 1970, addresses, 4 check
//   check   the first bytes of BLAKE3("covey/ticket/1" NUL everything before it): a slip of the finger is told as one
//
// Whoever has the text can pair once. The id is made from the secret, and the secret can't be made from the id.

import { ByteReader, equalBytes, fromBase32, toBase32, u32 } from "../../core/bytes.ts";
import { CoveyError } from "../../core/errors.ts";
import { domainHash } from "../../core/hash.ts";
import type { Address, PeerId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { keyOfPeerId, peerIdOf } from "../../identity/peer-id.ts";
import { encodeAddress, readAddress } from "./addresses.ts";

export interface Ticket {
  readonly peerId: PeerId;
  /** TICKET_SECRET_BYTES. */
  readonly secret: Buffer;
  /** Whole seconds. */
  readonly expiresAtMs: number;
  /** Best first. */
  readonly addresses: readonly Address[];
}

export const TICKET_SECRET_BYTES = 16;
export const TICKET_ID_BYTES = 8;

const PREFIX = "covey1";
const VERSION = 1;
const CHECK_BYTES = 4;
const SMALLEST_BYTES = 2 + 32 + TICKET_SECRET_BYTES + 4 + CHECK_BYTES;
const LARGEST_BYTES = 255;
const LONGEST_TEXT = 2000;

/** Names the ticket to whoever made it, and to nobody else. */
export const ticketId = (secret: Uint8Array): Buffer => domainHash("covey/ticket-id/1", secret).subarray(0, TICKET_ID_BYTES);

/** Addresses that can't be dialled from elsewhere are left out, as are those behind the first LIMITS.ticketAddresses. */
export function encodeTicket({ peerId, secret, expiresAtMs, addresses }: Ticket): string {
  const fixed = [keyOfPeerId(peerId), secret, u32(Math.floor(expiresAtMs / 1000))];
  const packed: Buffer[] = [];
  let length = SMALLEST_BYTES;
  for (const address of addresses) {
    const bytes = encodeAddress(address);
    if (bytes === undefined || length + bytes.length > LARGEST_BYTES || packed.length === LIMITS.ticketAddresses) continue;
    packed.push(bytes);
    length += bytes.length;
  }
  const body = Buffer.concat([Buffer.of(VERSION, length), ...fixed, ...packed]);
  return PREFIX + toBase32(Buffer.concat([body, checkOf(body)]));
}

/** Throws `ticket-invalid` for anything but a whole ticket. Whether it has expired is for the caller to say: clocks differ. */
export function decodeTicket(text: string): Ticket {
  const bytes = bytesOf(lettersOf(text));
  const body = bytes.subarray(0, -CHECK_BYTES);
  if (!equalBytes(bytes.subarray(-CHECK_BYTES), checkOf(body))) throw mistyped();
  const reader = new ByteReader(body.subarray(2), "a ticket");
  try {
    const peerId = peerIdOf(reader.take(32));
    const secret = Buffer.from(reader.take(TICKET_SECRET_BYTES));
    const expiresAtMs = reader.u32() * 1000;
    const addresses: Address[] = [];
    while (reader.left > 0) addresses.push(readAddress(reader));
    return { peerId, secret, expiresAtMs, addresses };
  } catch (error) {
    throw invalid("the ticket is not one that covey makes", undefined, error);
  }
}

/** What follows the prefix, in lower case, without white space. */
function lettersOf(text: string): string {
  if (text.length > LONGEST_TEXT) throw invalid("that is far too long for a ticket");
  const letters = text.replace(/\s+/g, "").toLowerCase();
  if (letters.startsWith(PREFIX)) return letters.slice(PREFIX.length);
  if (letters.length > 0 && PREFIX.startsWith(letters)) throw incomplete();
  if (/^covey\d/.test(letters)) throw unknownVersion();
  throw invalid("that is not a ticket");
}

/** As many bytes as the ticket says it has, of the version that is read here. */
function bytesOf(letters: string): Buffer {
  if (!/^[a-z2-7]*$/.test(letters)) throw mistyped();
  const start = fromBase32(letters.slice(0, 8));
  if (letters.length < 8 || start === undefined) throw incomplete();
  const length = start[1]!;
  if (start[0] !== VERSION) throw unknownVersion();
  if (length < SMALLEST_BYTES) throw mistyped();
  const missing = Math.ceil((length * 8) / 5) - letters.length;
  if (missing > 0) throw incomplete();
  if (missing < 0) throw invalid(`the ticket is followed by ${-missing} letters that don't belong to it, or mistyped`);
  const bytes = fromBase32(letters);
  if (bytes === undefined) throw mistyped();
  return bytes;
}

const checkOf = (body: Uint8Array): Buffer => domainHash("covey/ticket/1", body).subarray(0, CHECK_BYTES);

const COPY =
  "Copy the whole ticket as `covey pair`, or `invite()`, gives it on the other device, from covey1 to its last letter.";

const invalid = (message: string, hint: string = COPY, cause?: unknown): CoveyError =>
  new CoveyError("ticket-invalid", message, cause === undefined ? { hint } : { hint, cause });
const mistyped = (): CoveyError => invalid("the ticket is mistyped: its check letters don't fit");
const incomplete = (): CoveyError => invalid("the ticket is incomplete: its end is missing");
const unknownVersion = (): CoveyError =>
  invalid("the ticket was made by a newer covey, or is mistyped", "Update covey on this device, or copy the ticket again.");
