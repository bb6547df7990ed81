// `covey demo`: two real peers on this machine do everything, and every step checks what it claims.

import { existsSync } from "node:fs";
import { join } from "node:path";

import { createReport } from "./report.ts";
import { setStage, type Step } from "./stage.ts";
import { anyProgramJoins } from "./steps/any-program-joins.ts";
import { keepInSync } from "./steps/keep-in-sync.ts";
import { meet } from "./steps/meet.ts";
import { shareDirectories } from "./steps/share-directories.ts";
import { shareAFile } from "./steps/share-a-file.ts";
import { strangerGetsNothing } from "./steps/stranger-gets-nothing.ts";
import { talk } from "./steps/talk.ts";

const STEPS: readonly Step[] = [meet, strangerGetsNothing, talk, shareAFile, shareDirectories, keepInSync, anyProgramJoins];

// In a clone the command is a file beside the sources; a published package has none there.
const COVEY = existsSync(join(import.meta.dirname, "../../../covey")) ? "./covey" : "covey";

const TRY_NEXT = `Try it yourself, on two machines, or here with a second home (--home DIR):
  ${COVEY} pair                               over there: ${COVEY} pair TICKET
  ${COVEY} msg laptop "lunch?"                talk; --follow goes on listening
  ${COVEY} send photos/ laptop:               over there: ${COVEY} receive
  ${COVEY} share docs/ laptop: --for 7d       over there: ${COVEY} ls NAME:docs/, ${COVEY} get NAME:docs/ -o here/
  ${COVEY} data set laptop:todo '{"milk":1}'  over there: ${COVEY} data ls NAME:
  ${COVEY} serve docs/ --lan                  then open the link on a phone; nothing is installed there
  ${COVEY} status                             who is there, what is going on`;

export interface DemoOptions {
  readonly signal: AbortSignal;
  readonly out: NodeJS.WritableStream;
}

/** Resolves to whether every check held. Whatever happens, no process and no file is left. */
export async function runDemo({ signal, out }: DemoOptions): Promise<boolean> {
  const report = createReport(out);
  const startedMs = performance.now();
  out.write("Two peers, laptop and desktop, each a daemon. Nothing leaves this machine.\n");
  const stage = await setStage(signal);
  try {
    for (const step of STEPS) {
      report.step(step.title);
      await step.run(stage, report);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    report.fails(error);
  } finally {
    await stage.close();
  }
  const { held, failed } = report.counts();
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  out.write(`\n${held} checks held, ${failed} failed, ${seconds} s. The daemons are stopped and their files removed.\n`);
  if (failed === 0) out.write(`\n${TRY_NEXT}\n`);
  return failed === 0;
}
