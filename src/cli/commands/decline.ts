import type { Define } from "../command.ts";
import { parseOffer } from "../grammar.ts";
import { examples } from "../help.ts";

export const define: Define = (command, act) => {
  examples(command, ["decline 3", "say no to offer #3; its sender is told"]);
  command.argument("<n>", "the number of the offer, as `covey inbox` shows it").action(
    act(async ({ out, signal, covey }, n: string) => {
      const offer = parseOffer(n);
      await (await covey()).decline(offer, { signal });
      out.say(null, "Declined.");
    }),
  );
};
