// `up`: starts the daemon, and tells what it is now. Its options are remembered.

import { CoveyError } from "../../core/errors.ts";
import type { ConfigChange } from "../../daemon/config.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { parseListen, parsePath } from "../grammar.ts";
import { examples } from "../help.ts";
import { tellStatus } from "../status.ts";

interface UpOptions {
  readonly foreground?: boolean;
  readonly listen?: readonly string[];
  readonly name?: string;
  readonly incoming?: string;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["up", "start it, on all interfaces, at a port that it keeps"],
    ["up --incoming ~/Downloads", "the options are remembered"],
    ["up --listen tcp://192.168.1.5:4747", "listen there only"],
    ["up --foreground", "stay, and log to stderr: for a container"],
  );
  command
    .option("--foreground", "run in this process until a signal")
    .option("--listen <address...>", "where to listen: tcp://HOST:PORT (* is every interface), none, or default")
    .option("--name <name>", "what this device calls itself to others")
    .option("--incoming <dir>", "where files of your own devices go without asking")
    .action(
      act(async (context, options: UpOptions) => {
        const change = changeOf(options);
        return options.foreground === true ? foreground(context, change) : background(context, change);
      }),
    );
};

const changeOf = ({ listen, name, incoming }: UpOptions): ConfigChange => ({
  ...(listen === undefined ? {} : { listen: parseListen(listen) }),
  ...(name === undefined ? {} : { name }),
  ...(incoming === undefined ? {} : { incoming: parsePath(incoming) }),
});

async function background(context: Context, change: ConfigChange): Promise<void> {
  const { home, signal, running } = context;
  const { startDaemon } = await import("../../daemon/start.ts");
  const isUp = await running().then(
    () => true,
    (error: unknown) => {
      if (error instanceof CoveyError && error.code === "daemon-down") return false;
      throw error;
    },
  );
  const started = !isUp && (await startDaemon({ home, change, signal }));
  if (!started && Object.keys(change).length > 0) {
    throw new CoveyError("conflict", "this device's peer is up already, with the options that it was started with", {
      hint: "`covey down` first, then the same command again.",
    });
  }
  await tellStatus(context, await running());
}

async function foreground({ home, out, signal }: Context, change: ConfigChange): Promise<number> {
  const [{ startHere }, { runUntil }] = await Promise.all([import("../../daemon/run.ts"), import("../../daemon/signals.ts")]);
  const daemon = await startHere({ home, change, logTo: "stderr" });
  out.note("This device's peer runs; Ctrl-C stops it.");
  return runUntil(signal, daemon);
}
