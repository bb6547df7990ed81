import type { Define } from "../command.ts";
import { examples } from "../help.ts";
import { tellStatus } from "../status.ts";

export const define: Define = (command, act) => {
  examples(
    command,
    ["status", "this device, its peers, what waits"],
    ["status --json", "the same for a program; exit status 8 when it is not running"],
  );
  command.action(
    act(async (context) => {
      const { options, running, covey } = context;
      await tellStatus(context, await (options.once === true ? covey() : running()));
    }),
  );
};
