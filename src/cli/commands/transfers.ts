// `transfers`: every file that was offered either way; with --watch, as they go on.

import { sleep } from "../../core/async.ts";
import { printable } from "../../core/text.ts";
import type { NamedTransfer } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { formatRate, formatSize } from "../format.ts";
import { examples } from "../help.ts";
import type { Output } from "../output.ts";
import { renderTable } from "../table.ts";
import { createView, progressOf } from "../transfer.ts";

const WATCH_MS = 500;

export const define: Define = (command, act) => {
  examples(
    command,
    ["transfers", "what was sent and received, and what still runs"],
    ["transfers --watch", "the same as it goes on, until Ctrl-C"],
  );
  command
    .option("-w, --watch", "show those that run, as they go on")
    .action(act((context, options: { readonly watch?: boolean }) => (options.watch === true ? watch(context) : list(context))));
};

async function list({ out, signal, covey }: Context): Promise<void> {
  const transfers = await (await covey()).transfers({ signal });
  if (transfers.length === 0) out.note("Nothing was sent or received yet: covey send FILE NAME:");
  out.result(transfers, await render(transfers, out));
  for (const { offer, problem } of transfers) {
    if (problem !== undefined)
      out.note(printable(`#${offer.number}: ${problem.message}${problem.hint === undefined ? "" : ` (${problem.hint})`}`));
  }
}

/** Those under way and those that wait; under --json a line for each that changed. */
async function watch({ out, signal, covey }: Context): Promise<void> {
  const me = await covey();
  const view = await createView(out);
  const told = new Map<string, string>();
  try {
    for (;;) {
      for (const transfer of await me.transfers({ signal })) {
        const { id, state } = transfer.offer;
        const open = state === "waiting" || state === "accepted";
        const now = JSON.stringify(transfer);
        if (out.json && told.get(id) !== now) out.result(transfer, "");
        told.set(id, now);
        if (open) view.update(id, progressOf(transfer));
        else view.remove(id);
      }
      await sleep(WATCH_MS, signal);
    }
  } finally {
    view.close();
  }
}

const render = (transfers: readonly NamedTransfer[], out: Output): Promise<string> =>
  renderTable(
    [{ title: "N", align: "right" }, { title: "FILE" }, { title: "SIZE", align: "right" }, { title: "PEER" }, { title: "STATE" }],
    transfers.map((transfer) => [
      String(transfer.offer.number),
      printable(transfer.offer.name),
      formatSize(transfer.offer.size),
      `${transfer.offer.direction === "in" ? "from" : "to"} ${printable(transfer.peerName)}`,
      stateOf(transfer),
    ]),
    out.columns,
    (titles) => out.style("dim", titles),
  );

function stateOf({ offer, doneBytes, bytesPerSecond, connected }: NamedTransfer): string {
  if (offer.state !== "accepted") return offer.state;
  const percent = `${offer.size === 0 ? 100 : Math.floor((doneBytes / offer.size) * 100)} %`;
  if (!connected) return `${percent}, away`;
  return bytesPerSecond > 0 ? `${percent}, ${formatRate(bytesPerSecond)}` : percent;
}
