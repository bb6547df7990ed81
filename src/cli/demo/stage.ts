// The stage: three homes in a temporary directory, a real daemon process for each of the two that act, and nothing left of it afterwards.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Actor, createActor } from "./actor.ts";
import type { Report } from "./report.ts";

export interface Stage {
  readonly laptop: Actor;
  readonly desktop: Actor;
  /** A stranger to both; its daemon starts only in the step that needs it. */
  readonly stranger: Actor;
  /** What the steps leave for each other. */
  usedTicket: string;
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
  const actors: Actor[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(actors.map((actor) => actor.stop()));
    await rm(directory, { recursive: true, force: true });
  };
  const add = async (name: string): Promise<Actor> => {
    const actor = await createActor(name, join(directory, name), signal);
    actors.push(actor);
    return actor;
  };
  try {
    const [laptop, desktop, stranger] = [await add("laptop"), await add("desktop"), await add("stranger")];
    await Promise.all([laptop.start(), desktop.start()]);
    return { laptop, desktop, stranger, usedTicket: "", signal, close };
  } catch (error) {
    await close();
    throw error;
  }
}
