// `receive`: takes one offer by its number, or waits for offers and asks for each.

import { CoveyError } from "../../core/errors.ts";
import type { Define } from "../command.ts";
import { parseOffer, parsePath } from "../grammar.ts";
import { examples } from "../help.ts";
import { conflictOption, type ConflictOption } from "../placement.ts";
import { receiveAll, receiveOne } from "../receiving.ts";
import { createView } from "../transfer.ts";

interface ReceiveOptions extends ConflictOption {
  readonly output: string;
  readonly follow?: boolean;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["receive", "wait for what is offered, and ask before it is taken"],
    ["receive 3 -o ~/Downloads", "take offer #3 into that directory"],
    ["receive 3 --conflict skip", "leave what is there already"],
    ["receive --yes --follow -o inbox/", "take everything that is offered, until Ctrl-C"],
  );
  command
    .argument("[n]", "the number of an offer, as `covey inbox` shows it")
    .option("-o, --output <dir>", "where to", ".")
    .addOption(conflictOption())
    .option("-f, --follow", "go on waiting for more")
    .action(
      act(async (context, n: string | undefined, { output, follow = false, conflict }: ReceiveOptions) => {
        if (n === undefined && context.options.yes !== true && !context.canAsk) {
          throw new CoveyError("bad-argument", "there is no terminal to ask on", {
            hint: "`covey receive --yes` takes everything that is offered, `covey inbox` lists it, `covey receive N` takes one.",
          });
        }
        const covey = await context.covey();
        const view = await createView(context.out);
        const receiver = { context, covey, view, placement: { into: parsePath(output), conflict } };
        try {
          return n === undefined ? await receiveAll(receiver, follow) : await receiveOne(receiver, parseOffer(n));
        } finally {
          view.close();
        }
      }),
    );
};
