// What a command works with: the options that all commands have, Covey, and where its output goes. Commands know nothing else of the
// process around them.

import { CoveyError } from "../core/errors.ts";
import type { Covey } from "../control/covey.ts";
import { homePath } from "../control/home-path.ts";
import type { GlobalOptions } from "./options.ts";
import { createOutput, type Output } from "./output.ts";

export interface Context extends AsyncDisposable {
  readonly home: string;
  readonly options: GlobalOptions;
  readonly out: Output;
  /** Aborts on Ctrl-C, and when --timeout has passed. */
  readonly signal: AbortSignal;
  /** Whether a question can be asked: on a terminal, without --no-input and without --json. */
  readonly canAsk: boolean;
  /** This device's peer; it is started when it does not run. With --once it ends with the command. */
  readonly covey: () => Promise<Covey>;
  /** The same, but `daemon-down` when it does not run. */
  readonly running: () => Promise<Covey>;
}

/** `homeGiven`: the `--home` of the command line, if there is one. */
export function createContext(options: GlobalOptions, homeGiven: string | undefined, interrupt: AbortSignal): Context {
  const out = createOutput(options, homeGiven);
  const home = homePath(options.home);
  const timeout = options.timeout === undefined ? undefined : deadline(options.timeout);
  const signal = timeout === undefined ? interrupt : AbortSignal.any([interrupt, timeout.signal]);
  const stack = new AsyncDisposableStack();
  if (timeout !== undefined) stack.defer(() => clearTimeout(timeout.timer));

  // Help and the version need no client.
  const running = async (): Promise<Covey> => {
    const { connect } = await import("../control/connect.ts");
    return stack.use(await connect({ home, signal }));
  };
  const covey = async (): Promise<Covey> => {
    try {
      return await running();
    } catch (error) {
      if (!(error instanceof CoveyError && error.code === "daemon-down")) throw error;
    }
    if (options.once === true) {
      const { startHere } = await import("../daemon/run.ts");
      const daemon = await startHere({ home, change: {}, logTo: "file" });
      stack.defer(() => daemon.stop());
    } else {
      const { startDaemon } = await import("../daemon/start.ts");
      if (await startDaemon({ home, signal })) out.note("This device's peer was started; `covey down` stops it.");
    }
    return running();
  };

  const canAsk = options.input && options.json !== true && process.stdin.isTTY && process.stderr.isTTY;
  return { home, options, out, signal, canAsk, covey, running, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function deadline(ms: number): { readonly signal: AbortSignal; readonly timer: NodeJS.Timeout } {
  const controller = new AbortController();
  const error = new CoveyError("timeout", `not done after ${ms / 1000} s (--timeout)`);
  return { signal: controller.signal, timer: setTimeout(() => controller.abort(error), ms) };
}
