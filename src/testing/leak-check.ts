// What a test left behind in this process: sockets, servers, timers.

import { setTimeout as wait } from "node:timers/promises";

const COUNTED = ["TCPSocketWrap", "TCPServerWrap", "PipeWrap", "Timeout"];
const PATIENCE_MS = 3000;

function counts(): Map<string, number> {
  const all = process.getActiveResourcesInfo();
  return new Map(COUNTED.map((kind) => [kind, all.filter((one) => one === kind).length]));
}

/** Counts now; the function that it returns rejects when there is more than now, after some patience with what is just closing. */
export function leakCheck(): () => Promise<void> {
  const before = counts();
  const left = (): string[] =>
    [...counts()]
      .filter(([kind, count]) => count > before.get(kind)!)
      .map(([kind, count]) => `${count - before.get(kind)!} ${kind}`);
  return async () => {
    const giveUpMs = performance.now() + PATIENCE_MS;
    while (left().length > 0 && performance.now() < giveUpMs)
      // The wait keeps the process up: one with nothing else to do would look to the test runner like one that is ending.
      await wait(10).then(() => new Promise(setImmediate));
    if (left().length > 0) throw new Error(`left behind: ${left().join(", ")}`);
  };
}
