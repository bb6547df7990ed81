// `pair`: makes a ticket and waits until it is used, or uses one.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Covey } from "../../control/covey.ts";
import type { PeerLink } from "../../peer/contract.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { formatDuration } from "../format.ts";
import { parseDuration } from "../grammar.ts";
import { examples } from "../help.ts";

interface PairOptions {
  readonly as?: string;
  readonly mine?: boolean;
  readonly for?: number;
}

const MAX_TICKET_BYTES = 4096;

export const define: Define = (command, act) => {
  examples(
    command,
    ["pair", "make a ticket, show it, and wait until it is used"],
    ["pair TICKET --as laptop", "over there: use it, and call this device laptop"],
    ["pair --mine", "for my own device: its files are taken without asking"],
    ["pair - < ticket.txt", "the ticket from stdin, so that no process list shows it"],
  );
  command
    .argument("[ticket]", "the ticket that the other device shows; - reads it from stdin")
    .option("--as <name>", "what to call the other device here")
    .option("--mine", "the other device is mine too: take its files without asking")
    .option("--for <duration>", "how long the ticket can be used (default: 10 minutes)", parseDuration)
    .action(
      act(async (context, ticket: string | undefined, options: PairOptions) => {
        const as = { ...(options.as === undefined ? {} : { as: options.as }), ...(options.mine === true ? { mine: true } : {}) };
        if (ticket === undefined) await invite(context, { ...as, ...(options.for === undefined ? {} : { ttlMs: options.for }) });
        else if (options.for === undefined) await join(context, ticket, as);
        else throw new CoveyError("bad-argument", "--for is for making a ticket", { hint: "Leave the ticket out, or --for." });
      }),
    );
};

async function invite({ out, signal, covey }: Context, options: NonNullable<Parameters<Covey["invite"]>[0]>): Promise<void> {
  await using invitation = await (await covey()).invite({ ...options, signal });
  const { ticket, expiresAtMs } = invitation;
  const mine = options.mine === true ? " --mine" : "";
  out.note(`On the other device, within ${formatDuration(expiresAtMs - Date.now())}:\n`);
  out.result({ type: "ticket", ticket, expiresAtMs }, `covey pair ${ticket}${mine}`);
  const { showQr } = await import("../qr.ts");
  // A QR code has a denser alphabet for upper case.
  showQr(ticket.toUpperCase(), out);
  out.note("\nWaiting for it (Ctrl-C withdraws the ticket) …");
  const peer = await Promise.race([invitation.done, rejection(signal)]);
  out.say({ type: "paired", peer }, renderPaired(peer));
}

async function join({ out, signal, covey }: Context, ticket: string, as: { as?: string; mine?: boolean }): Promise<void> {
  const text = ticket === "-" ? await fromStdin(signal) : ticket;
  const peer = await (await covey()).join(text, { ...as, signal });
  out.say(peer, renderPaired(peer));
}

async function fromStdin(signal: AbortSignal): Promise<string> {
  const { readText } = await import("../stdin.ts");
  return (await readText(process.stdin, MAX_TICKET_BYTES, signal)).trim();
}

const renderPaired = ({ name, peerId, mine }: PeerLink): string =>
  `Paired with ${printable(name)}${mine ? " (mine)" : ""}, ${peerId}\nTry: \`covey msg ${printable(name)} "hello"\``;

function rejection(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason as Error);
  signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  return promise;
}
