// A device of the demo: a home, a directory of files, and a daemon in a process of its own.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { CoveyError } from "../../core/errors.ts";
import { connect } from "../../control/connect.ts";
import type { Covey } from "../../control/covey.ts";
import { startDaemon } from "../../daemon/start.ts";
import { stopDaemon } from "../../daemon/stop.ts";

export interface Actor {
  readonly name: string;
  readonly home: string;
  /** Its own directory for files that it sends and gets. */
  readonly files: string;
  /** What its command line would use. Only while the daemon runs. */
  readonly covey: Covey;
  start(): Promise<void>;
  /** Orderly, as `covey down`. */
  stop(): Promise<void>;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
}

export async function createActor(name: string, directory: string, signal: AbortSignal): Promise<Actor> {
  const home = join(directory, "home");
  const files = join(directory, "files");
  await mkdir(files, { recursive: true });
  let covey: Covey | undefined;
  const letGo = async (): Promise<void> => {
    await covey?.close();
    covey = undefined;
  };
  const running = (): Covey => {
    if (covey === undefined) throw new CoveyError("daemon-down", `${name}'s daemon is not running`);
    return covey;
  };
  return {
    name,
    home,
    files,
    get covey() {
      return running();
    },
    async start() {
      await startDaemon({ home, change: { name, listen: ["tcp://127.0.0.1:0"], incoming: files }, signal });
      covey = await connect({ home, signal });
    },
    async stop() {
      await letGo();
      await stopDaemon({ home });
    },
    async kill() {
      const { pid } = await running().status();
      process.kill(pid, "SIGKILL");
      await letGo();
      // Nothing runs any more; this waits until the kernel has let go of the home's lock.
      await stopDaemon({ home });
    },
  };
}
