// What the environment could do to the process from outside: make it another program, or weaken its TLS. The daemon takes none of it.

import type { Logger } from "../core/log.ts";

const REFUSED: readonly string[] = ["NODE_OPTIONS", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_EXTRA_CA_CERTS", "SSLKEYLOGFILE"];

/** For a process that is about to be started. */
export const cleanEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !REFUSED.includes(name)));

/** For this process. What Node followed before the first line of covey ran can only be told. */
export function dropFromEnvironment(env: NodeJS.ProcessEnv, log: Logger): void {
  for (const name of REFUSED) {
    if (env[name] === undefined) continue;
    Reflect.deleteProperty(env, name);
    log.warn({ name }, "this environment variable should not be set for covey; it is ignored from here on");
  }
}
