// The life of a daemon: 1. lock the home, 2. read what `up` was told before, 3. start the peer, 4. take calls, 5. remember what it was
// told now, 6. wait until it is to stop, 7. stop in reverse.

import { setFlagsFromString } from "node:v8";

import { withDeadline } from "../core/async.ts";
import type { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { silentLog, type Logger } from "../core/log.ts";
import { VERSION } from "../core/version.ts";
import { hostPeer } from "../control/host.ts";
import { serveControl } from "../control/server.ts";
import { applyChange, readConfig, writeConfig, type ConfigChange, type DaemonConfig } from "./config.ts";
import { dropFromEnvironment } from "./environment.ts";
import { watchHome } from "./home-watch.ts";
import { openLog } from "./log.ts";

export interface DaemonOptions {
  readonly home: string;
  /** Kept for later starts, once this one has succeeded. */
  readonly change: ConfigChange;
  readonly logTo: "file" | "stderr";
}

export interface RunningDaemon {
  readonly log: Logger;
  /** Resolves when its store has died, or its home is gone: it can do nothing more. */
  readonly failed: Promise<CoveyError>;
  /** Ends what is under way, and lets go of the home. Rejects with `timeout` after LIMITS.stopMs. */
  stop(): Promise<void>;
}

/** Resolves when it takes calls. Rejects with `home-busy` and with everything that openPeer rejects with. */
export async function startHere({ home: dir, change, logTo }: DaemonOptions): Promise<RunningDaemon> {
  const startedMs = performance.now();
  // Node's TLS makes a buffer for every 16 KiB that comes in. What V8 calls young must stay small, or it lets 64 MiB of them pile up and
  // then looks through everything: docs/decisions/receiver-pulls.md.
  setFlagsFromString("--semi-space-growth-factor=1");
  // Node looks at it when it first needs its pool.
  process.env["UV_THREADPOOL_SIZE"] ??= String(LIMITS.poolThreads);
  let log = silentLog;
  let config: DaemonConfig = {};
  const hosted = await hostPeer(dir, "daemon", async (home) => {
    log = openLog(home, logTo);
    dropFromEnvironment(process.env, log);
    config = applyChange(await readConfig(home), change);
    return { ...config, log };
  });
  try {
    const server = await serveControl({ ...hosted, log });
    const watch = await watchHome(hosted.home.dir);
    const { addresses } = await hosted.peer.status();
    if (Object.keys(change).length > 0) await writeConfig(hosted.home, config);
    log.info({ version: VERSION, addresses, ms: Math.round(performance.now() - startedMs) }, "ready");
    return {
      log,
      failed: Promise.race([hosted.peer.store.failed, watch.gone]),
      async stop() {
        watch.stop();
        const stopping = (async (): Promise<void> => {
          await server.close();
          await hosted.close();
        })();
        await withDeadline(stopping, LIMITS.stopMs, "stopping");
        log.info({}, "stopped");
      },
    };
  } catch (error) {
    await hosted.close();
    throw error;
  }
}
