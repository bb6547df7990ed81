// Agreeing to an offer, and following a transfer to its end with the same bars as `covey send`.

import { CoveyError } from "../../core/errors.ts";
import type { Covey, NamedTransfer, TransferJob } from "../../control/covey.ts";
import { createProgress } from "../progress.ts";
import { progressOf } from "../transfer.ts";

/** Waits for an offer of that name and agrees to it. */
export async function acceptNext(covey: Covey, name: string, into: string, signal: AbortSignal): Promise<NamedTransfer> {
  for await (const offer of covey.incoming({ signal })) {
    if (offer.name === name) return covey.accept(offer.id, { into, signal });
  }
  throw new CoveyError("closed", "no more offers are told");
}

/** Resolves to how it ended, with the highest rate that was seen. */
export async function followBars(
  job: TransferJob,
  signal: AbortSignal,
): Promise<{ ended: NamedTransfer; bytesPerSecond: number }> {
  const bars = await createProgress(process.stderr, true);
  let bytesPerSecond = 0;
  try {
    for await (const transfer of job.progress({ signal })) {
      bytesPerSecond = Math.max(bytesPerSecond, transfer.bytesPerSecond);
      bars.update(transfer.offer.id, progressOf(transfer));
    }
    return { ended: await job.done, bytesPerSecond };
  } finally {
    bars.close();
  }
}
