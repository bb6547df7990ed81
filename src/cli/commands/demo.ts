import type { Define } from "../command.ts";
import { examples } from "../help.ts";

export const define: Define = (command, act) => {
  examples(command, ["demo", "a minute at the most; nothing is left running or on disk"]);
  command.action(
    act(async ({ signal }) => {
      const { runDemo } = await import("../demo/demo.ts");
      return (await runDemo({ signal, out: process.stdout })) ? 0 : 1;
    }),
  );
};
