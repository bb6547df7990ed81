// Two paired peers on loopback, each reached the same way: hosted here, or through a daemon.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect } from "../../src/control/connect.ts";
import type { Covey } from "../../src/control/covey.ts";
import { open } from "../../src/control/open.ts";
import type { Logger } from "../../src/core/log.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";

export type Face = "open" | "connect";

export interface Two extends AsyncDisposable {
  readonly homes: { readonly laptop: string; readonly desk: string };
  /** Knows the other as "desk". */
  readonly laptop: Covey;
  /** Knows the other as "laptop". */
  readonly desk: Covey;
}

const listen = ["tcp://127.0.0.1:0"];

/** `log`: of what is hosted here. */
export async function two(face: Face, log?: Logger): Promise<Two> {
  await using opened = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), "covey-streams-"));
  opened.defer(() => rm(root, { recursive: true, force: true }));
  const reach = async (name: string): Promise<Covey> => {
    const home = join(root, name);
    if (face === "open")
      return opened.use(await open({ home, name, listen, incoming: root, ...(log === undefined ? {} : { log }) }));
    await startDaemon({ home, change: { name, listen, incoming: root } });
    opened.defer(() => stopDaemon({ home }).then(() => {}));
    return opened.use(await connect({ home }));
  };
  const [laptop, desk] = [await reach("laptop"), await reach("desk")];
  await using invitation = await laptop.invite({ mine: false });
  await desk.join(invitation.ticket, { as: "laptop" });
  await invitation.done;
  const closing = opened.move();
  return {
    homes: { laptop: join(root, "laptop"), desk: join(root, "desk") },
    laptop,
    desk,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
