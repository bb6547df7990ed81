// The stage: three homes in a temporary directory, a real daemon process for each of the two that act, and nothing left of it afterwards.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Covey } from "../../control/covey.ts";
import { connect } from "../../control/connect.ts";
import { startDaemon } from "../../daemon/start.ts";
import type { Report } from "./report.ts";

/** A device of the demo. */
export interface Actor {
  readonly name: string;
  readonly home: string;
  /** A directory of its own for files that it sends and gets. */
  readonly files: string;
  /** What its command line would use. Only while it runs. */
  readonly covey: Covey;
  /** The ticket that it gave away, once used. */
  usedTicket: string | undefined;
  start(): Promise<void>;
  /** Orderly, as `covey down`. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface Stage {
  readonly laptop: Actor;
  readonly desktop: Actor;
  /** A stranger to both; its daemon starts only in the step that needs it. */
  readonly stranger: Actor;
  readonly signal: AbortSignal;
}

/** One step of the demo; every service adds its own to STEPS in demo.ts. */
export interface Step {
  readonly title: string;
  run(stage: Stage, report: Report): Promise<void>;
}

/** Rejects when a daemon does not start; `close` ends every process by its id and removes every file. */
export async function setStage(signal: AbortSignal): Promise<Stage & { close(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "covey-demo-"));
  const actors = ["laptop", "desktop", "stranger"].map((name) => createActor(name, join(directory, name)));
  const [laptop, desktop, stranger] = actors as [Actor, Actor, Actor];
  const close = async (): Promise<void> => {
    await Promise.allSettled(actors.map((actor) => actor.stop()));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all([laptop.start(), desktop.start()]);
  } catch (error) {
    await close();
    throw error;
  }
  return { laptop, desktop, stranger, signal, close };
}
