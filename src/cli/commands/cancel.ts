import type { Define } from "../command.ts";
import { parseOffer } from "../grammar.ts";
import { examples } from "../help.ts";

/** Also `transfers cancel`. */
export const define: Define = (command, act) => {
  examples(command, ["cancel 3", "take offer #3 back, or give its transfer up; the other side is told"]);
  command.argument("<n>", "the number of the offer, as `covey transfers` shows it").action(
    act(async ({ out, signal, covey }, n: string) => {
      const offer = parseOffer(n);
      await (await covey()).cancel(offer, { signal });
      out.say(null, "Cancelled.");
    }),
  );
};
