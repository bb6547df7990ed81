import type { Define } from "../command.ts";
import { examples } from "../help.ts";

export const define: Define = (command, act) => {
  examples(command, ["down", "stop this device's peer; transfers go on when it is up again"]);
  command.action(
    act(async ({ home, out, signal }) => {
      const { stopDaemon } = await import("../../daemon/stop.ts");
      const pid = await stopDaemon({ home, signal });
      out.result({ stopped: pid !== undefined, pid: pid ?? null }, pid === undefined ? "It was not running." : "Stopped.");
    }),
  );
};
