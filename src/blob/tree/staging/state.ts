// What a staging directory says of itself, in a file beside its tree, so that nothing is lost with the process:
//
//   open     the directories that more may come into, and the times that they get when they are left
//   plan     where each root goes, noted before the first one does
//   placed   where everything went; then there is no tree any more

import { closeSync, constants, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import * as v from "valibot";

import type { Conflict, Placed, TreeNoteCode } from "../contract.ts";
import type { Directory } from "../directory.ts";
import { platformCode } from "./failure.ts";
import type { Flusher } from "./flusher.ts";

const NAME = "state";
const NEW_NAME = "state.new";
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
const OLD = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface Plan {
  readonly into: string;
  readonly conflict: Conflict;
  readonly as: string | undefined;
  /** For each root the name that it gets, or has already. */
  readonly names: readonly (readonly [root: string, name: string])[];
}

interface StagedState {
  readonly open: readonly (readonly [path: string, mtimeMs: number])[];
  readonly plan: Plan | undefined;
  readonly placed: Placed | undefined;
}

const note = v.strictObject({
  path: v.string(),
  code: v.custom<TreeNoteCode>((code) => typeof code === "string"),
  now: v.exactOptional(v.string()),
});
const schema = v.strictObject({
  open: v.array(v.tuple([v.string(), v.number()])),
  plan: v.optional(
    v.strictObject({
      into: v.string(),
      conflict: v.picklist(["rename", "skip", "overwrite"]),
      as: v.optional(v.string()),
      names: v.array(v.tuple([v.string(), v.string()])),
    }),
  ),
  placed: v.optional(
    v.strictObject({ paths: v.array(v.string()), notes: v.strictObject({ count: v.number(), first: v.array(note) }) }),
  ),
});

const FRESH: StagedState = { open: [], plan: undefined, placed: undefined };

/** FRESH when there is none, or none that can be read: it is only ever replaced as a whole. */
export function readState(staging: Directory): StagedState {
  let text: string;
  try {
    const fd = openSync(staging.at(NAME), OLD);
    try {
      text = readFileSync(fd, "utf8");
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (platformCode(error) === "ENOENT") return FRESH;
    throw error;
  }
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!result.success) return FRESH;
  const { open, plan, placed } = result.output;
  return { open, plan: plan === undefined ? undefined : { ...plan, as: plan.as }, placed };
}

/** Durable when it resolves. */
export async function writeState(staging: Directory, state: StagedState, flusher: Flusher): Promise<void> {
  const fd = openSync(staging.at(NEW_NAME), NEW, 0o600);
  try {
    writeFileSync(fd, JSON.stringify(state));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  flusher.add(fd);
  await flusher.flushed();
  renameSync(staging.at(NEW_NAME), staging.at(NAME));
  flusher.add(staging.list(".").fd);
  await flusher.flushed();
}
