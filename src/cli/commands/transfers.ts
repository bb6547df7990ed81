// `transfers`: all that was offered either way, one of them with all that is known of it, or those that run as they go on.

import { CoveyError } from "../../core/errors.ts";
import { sleep } from "../../core/async.ts";
import { printable } from "../../core/text.ts";
import type { NamedTransfer } from "../../control/covey.ts";
import type { Act, Define } from "../command.ts";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { parseOffer } from "../grammar.ts";
import { examples } from "../help.ts";
import { createView, progressOf } from "../transfer.ts";
import { renderTransfer, renderTransfers } from "../transfer-list.ts";
import { define as defineCancel } from "./cancel.ts";

interface TransfersOptions {
  readonly watch?: boolean;
}

const WATCH_MS = 500;

export const define: Define = (command, act) => {
  examples(
    command,
    ["transfers", "what was sent and received, and what still runs"],
    ["transfers 3", "all that is known of one, with what did not come along"],
    ["transfers --watch", "those that run, as they go on, until Ctrl-C"],
    ["transfers pause 3", "stop one for now; resume lets it go on"],
  );
  command
    .argument("[n]", "the number of one")
    .option("-w, --watch", "show those that run, as they go on")
    .action(
      act((context, n: string | undefined, { watch }: TransfersOptions) => {
        if (watch === true) return watchAll(context, n === undefined ? undefined : parseOffer(n));
        return n === undefined ? listAll(context) : showOne(context, parseOffer(n));
      }),
    );
  definePause(command, act);
  defineCancel(command.command("cancel").summary("take an offer back, or give its transfer up"), act);
};

function definePause(command: Command, act: Act): void {
  command
    .command("pause")
    .summary("stop one for now, over restarts; the other side is told")
    .argument("<n>", "its number")
    .action(
      act(async ({ out, signal, covey }, n: string) => {
        const paused = await (await covey()).pause(parseOffer(n), { signal });
        out.say(paused, "Paused.");
        out.note(`\`covey transfers resume ${paused.offer.number}\` lets it go on.`);
      }),
    );
  command
    .command("resume")
    .summary("let one go on that was paused here")
    .argument("<n>", "its number")
    .action(
      act(async ({ out, signal, covey }, n: string) => {
        const resumed = await (await covey()).resume(parseOffer(n), { signal });
        const byThem = resumed.paused === "there" ? ` ${printable(resumed.peerName)} has paused it too.` : "";
        out.say(resumed, `It goes on.${byThem}`);
      }),
    );
}

async function listAll({ out, signal, covey }: Context): Promise<void> {
  const transfers = await (await covey()).transfers({ signal });
  if (transfers.length === 0) out.note("Nothing was sent or received yet: `covey send FILE NAME:` does.");
  out.result(transfers, await renderTransfers(transfers, out));
  for (const { offer, problem } of transfers) {
    if (problem !== undefined)
      out.note(printable(`#${offer.number}: ${problem.message}${problem.hint === undefined ? "" : ` (${problem.hint})`}`));
  }
}

async function showOne({ out, signal, covey }: Context, which: string): Promise<void> {
  const found = (await (await covey()).transfers({ signal })).find(isOne(which));
  if (found === undefined)
    throw new CoveyError("not-found", `there is no transfer ${which}`, { hint: "`covey transfers` lists what there is." });
  out.say(found, renderTransfer(found, out));
}

const isOne =
  (which: string) =>
  ({ offer: { id, number } }: NamedTransfer): boolean =>
    id === which || String(number) === which;

/** Those under way and those that wait; under --json a line for each that changed. */
async function watchAll({ out, signal, covey }: Context, only: string | undefined): Promise<void> {
  const me = await covey();
  const view = await createView(out);
  const told = new Map<string, string>();
  const wanted = only === undefined ? () => true : isOne(only);
  try {
    for (;;) {
      for (const transfer of (await me.transfers({ signal })).filter(wanted)) {
        const { id, state } = transfer.offer;
        const open = state === "waiting" || state === "accepted";
        const now = JSON.stringify(transfer);
        if (out.json && told.get(id) !== now) out.result(transfer, "");
        told.set(id, now);
        // With all of them there is a line for each, and none for its parts.
        const { parts: _, ...whole } = progressOf(transfer);
        if (open) view.update(id, only === undefined ? whole : progressOf(transfer));
        else view.remove(id);
      }
      await sleep(WATCH_MS, signal);
    }
  } finally {
    view.close();
  }
}
