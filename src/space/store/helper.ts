// A thread that helps the store sign and verify: sleeps until a job is published, works, sleeps again.

import { workerData } from "node:worker_threads";

import { SharedJobs } from "./shared-jobs.ts";

export interface HelperOptions {
  readonly memory: SharedArrayBuffer;
  readonly secretKey: Uint8Array;
}

const { memory, secretKey } = workerData as HelperOptions;
new SharedJobs(memory, secretKey).help();
