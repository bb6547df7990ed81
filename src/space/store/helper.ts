// A thread that helps the store sign and verify: sleeps until a round is opened, works, sleeps again.

import { workerData } from "node:worker_threads";

import { ROUND, SharedJobs, STOP } from "./shared-jobs.ts";

export interface HelperOptions {
  readonly memory: SharedArrayBuffer;
  readonly secretKey: Uint8Array;
}

help(workerData as HelperOptions);

function help({ memory, secretKey }: HelperOptions): void {
  const jobs = new SharedJobs(memory, secretKey);
  for (let round = 0; round !== STOP; round = Atomics.load(jobs.control, ROUND)) {
    if (round !== 0) jobs.work();
    Atomics.wait(jobs.control, ROUND, round);
  }
}
