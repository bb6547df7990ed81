import type { Define } from "../command.ts";
import { examples } from "../help.ts";
import { renderStatus } from "../status.ts";

export const define: Define = (command, act) => {
  examples(
    command,
    ["status", "this device, its peers, what waits"],
    ["status --json", "the same for a program; exit status 8 when it is not running"],
  );
  command.action(
    act(async ({ out, signal, options, running, covey }) => {
      const status = await (await (options.once === true ? covey() : running())).status({ signal });
      out.say(status, await renderStatus(status, out));
    }),
  );
};
