// Loaded before an example (`--import`): when its event loop is empty, what it leaves in its process goes as JSON to the file LEFTOVERS.

import { createHook } from "node:async_hooks";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";

/** What one process has left when nothing keeps it alive any more; every list is empty after a clean end. */
export interface Leftovers {
  /** What still counts as running. */
  readonly running: readonly string[];
  /** Timers, sockets, pipes, servers, threads, processes and watches that were made and not closed, unref'd ones too. */
  readonly open: readonly string[];
  /** Files and sockets that the process has open and did not have at its start. */
  readonly descriptors: readonly string[];
  /** Listeners on the process. */
  readonly listeners: readonly string[];
  readonly warnings: readonly string[];
}

const KINDS = /^(Timeout|TCP|PIPE|UDP|PROCESS|WORKER|FSEVENT|STATWATCHER|HTTP|SIGNAL)/;

// Made now, they are there before and after: Node makes the standard streams only when they are used.
for (const stream of [process.stdin, process.stdout, process.stderr]) void stream;

/** The timer of AbortSignal.timeout can't be cleared by anybody, and keeps nothing alive. */
const isDeadline = (type: string): boolean => type === "Timeout" && new Error().stack!.includes("AbortSignal.timeout");

const alive = new Map<number, string>();
const warnings: string[] = [];
let counting = true;
createHook({
  init: (id, type) => void (counting && KINDS.test(type) && !isDeadline(type) && alive.set(id, type)),
  destroy: (id) => void alive.delete(id),
}).enable();

const descriptors = (): readonly string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /^(\/(?!dev\/|proc\/)|socket:)/.test(target) ? [target] : [];
    } catch {
      return []; // the directory's own
    }
  });
const listeners = (): readonly string[] =>
  process.eventNames().flatMap((name) => Array.from({ length: process.listenerCount(name) }, () => String(name)));
const without = (all: readonly string[], before: readonly string[]): readonly string[] => {
  const left = [...before];
  return all.filter((one) => !left.includes(one) || (left.splice(left.indexOf(one), 1), false));
};

process.on("warning", ({ name, message }) => warnings.push(`${name}: ${message}`));
process.once("beforeExit", () => {
  // What was closed last is told of in the next turns.
  const running = without(process.getActiveResourcesInfo(), before.running);
  counting = false;
  setTimeout(() => {
    const left: Leftovers = {
      running,
      open: [...alive.values()],
      descriptors: without(descriptors(), before.descriptors),
      listeners: without(listeners(), before.listeners),
      warnings,
    };
    writeFileSync(process.env["LEFTOVERS"]!, JSON.stringify(left));
  }, 20);
});
const before = { running: process.getActiveResourcesInfo(), descriptors: descriptors(), listeners: listeners() };
