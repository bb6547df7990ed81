// Covey over the daemon's socket.

import { homeAt } from "../identity/home-names.ts";
import { daemonDown, remoteInvoker } from "./client.ts";
import type { CallOptions } from "./call-options.ts";
import type { Covey } from "./covey.ts";
import { createCovey } from "./facade.ts";
import { homePath } from "./home-path.ts";
import { findSocket } from "./socket.ts";

/**
 * Reaches the daemon of a home (default: COVEY_HOME, or the user's). Rejects with `daemon-down` when it is not running, `version` when it
 * is another version of covey, `home-unsafe` when the home is not the user's alone. Does not start it: `covey up` does.
 */
export async function connect(options: CallOptions & { readonly home?: string } = {}): Promise<Covey> {
  const socketPath = await findSocket(homeAt(homePath(options.home)));
  if (socketPath === undefined) throw daemonDown(Object.assign(new Error("no socket"), { code: "ENOENT" }));
  const invoker = remoteInvoker(socketPath);
  try {
    await invoker.call("ping", {}, options.signal ?? new AbortController().signal);
  } catch (error) {
    await invoker.close();
    throw error;
  }
  return createCovey(invoker);
}
