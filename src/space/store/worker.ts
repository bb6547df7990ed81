// The store's thread: 1. take all calls that have come  2. answer those that read, at once  3. do those that write, in one commit
// 4. answer those.

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";

import { fromPlatform } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { LogFacts } from "../../core/log.ts";
import type { Call, FromWorker, WorkerOptions } from "./calls.ts";
import { Store } from "./store.ts";

type ToWorker = Call | "close";

serve(parentPort!, workerData as WorkerOptions);

function serve(port: MessagePort, options: WorkerOptions): void {
  const say = (message: FromWorker): void => port.postMessage(message);
  let store: Store;
  try {
    store = new Store({ ...options, log: logTo(say) });
  } catch (error) {
    say({ type: "failed", error: fromPlatform(error, "open the store").toJSON() });
    return;
  }
  say({ type: "opened", life: store.now() });

  port.on("message", (first: ToWorker) => {
    const taken = [first, ...waiting(port)];
    const calls = taken.filter((message) => message !== "close");
    const reading = calls.filter((call) => store.isRead(call));
    const writing = calls.filter((call) => !store.isRead(call));
    if (reading.length > 0) say({ type: "answers", answers: reading.map((call) => store.read(call)) });
    if (writing.length > 0) say({ type: "committed", ...store.write(writing), life: store.now() });
    if (taken.includes("close")) {
      store.close();
      port.close();
    }
  });
}

function* waiting(port: MessagePort): Generator<ToWorker> {
  for (let count = 1; count < LIMITS.groupCalls; count++) {
    const next = receiveMessageOnPort(port);
    if (next === undefined) return;
    yield next.message as ToWorker;
  }
}

function logTo(say: (message: FromWorker) => void) {
  const at = (level: "warn" | "error") => (facts: LogFacts, text: string) => say({ type: "log", level, facts, text });
  const nothing = (): void => {};
  return { debug: nothing, info: nothing, warn: at("warn"), error: at("error") };
}
