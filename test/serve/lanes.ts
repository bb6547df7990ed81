// Many runs of something that must not fail once.

import assert from "node:assert/strict";

/** Numbers them from 0, several lanes at once, each lane one after the other. Rejects with all that failed, and how. */
export async function runLanes(runs: number, lanes: number, work: (run: number, lane: number) => Promise<void>): Promise<void> {
  const failed: string[] = [];
  let next = 0;
  const lane = async (number: number): Promise<void> => {
    for (let run = next++; run < runs; run = next++) {
      await work(run, number).catch((error: unknown) => failed.push(`run ${run}: ${String(error)}`));
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  assert.deepEqual(failed, [], `${failed.length} of ${runs} runs failed`);
}
