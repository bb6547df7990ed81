// Two real daemons that are paired, laptop and desk, for the tests of the command line.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect } from "../../src/control/connect.ts";
import type { Covey } from "../../src/control/covey.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { endAll } from "./command.ts";

export interface Daemons {
  /** Holds the homes, and whatever the test puts there. */
  readonly directory: string;
  readonly homes: { readonly laptop: string; readonly desk: string };
  readonly laptop: Covey;
  readonly desk: Covey;
  /** Ends the commands that still run, then the daemons, and removes the directory. */
  close(): Promise<void>;
}

/** `prefix`: of the directory's name. Nothing is left when it rejects. */
export async function startDaemons(prefix: string): Promise<Daemons> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  const homes = { laptop: join(directory, "laptop"), desk: join(directory, "desk") };
  const opened: Covey[] = [];
  const close = async (): Promise<void> => {
    endAll();
    await Promise.all(opened.map((covey) => covey.close()));
    await Promise.all(Object.values(homes).map((home) => stopDaemon({ home })));
    await rm(directory, { recursive: true, force: true });
  };
  const start = async (name: keyof typeof homes): Promise<Covey> => {
    // Not where this user's files come in.
    const incoming = join(directory, `${name} incoming`);
    await startDaemon({ home: homes[name], change: { listen: ["tcp://127.0.0.1:0"], name, incoming } });
    const covey = await connect({ home: homes[name] });
    opened.push(covey);
    return covey;
  };
  try {
    const [laptop, desk] = await Promise.all([start("laptop"), start("desk")]);
    await using invitation = await laptop.invite({ as: "desk" });
    await desk.join(invitation.ticket, { as: "laptop" });
    await invitation.done;
    return { directory, homes, laptop, desk, close };
  } catch (error) {
    await close();
    throw error;
  }
}
