// A file goes across; the receiver of a second one is killed midway and goes on from where it was.

import { join } from "node:path";

import { formatSize } from "../../../core/size.ts";
import { acceptNext, followBars } from "../transfer.ts";
import { hashFile, makeFile } from "../files.ts";
import { formatRate } from "../../format.ts";
import type { Step } from "../stage.ts";

const MiB = 1024 * 1024;
const FIRST_BYTES = 256 * MiB;
const SECOND_BYTES = 512 * MiB;
const KILL_AT = 0.4;

export const shareAFile: Step = {
  title: "They share a file",
  async run({ laptop, desktop, signal }, report) {
    const first = join(laptop.files, "holiday.mkv");
    const firstHash = await makeFile(first, FIRST_BYTES);
    report.does(
      `laptop offers holiday.mkv, ${formatSize(FIRST_BYTES)} of random bytes. It waits: desktop has not agreed to receive it.`,
    );
    const job = await laptop.covey.peer("desktop").send(first, { signal });
    report.checks(`the offer is ${job.offer.state}`, job.offer.state === "waiting");
    report.does("desktop accepts (covey receive).");
    await acceptNext(desktop.covey, "holiday.mkv", desktop.files, signal);
    const { ended, bytesPerSecond } = await followBars(job, signal);
    report.checks(
      `laptop hears that it is verified and on desktop's disk (up to ${formatRate(bytesPerSecond)})`,
      ended.offer.state === "done",
    );
    report.checks("the BLAKE3 of the file on desktop agrees", (await hashFile(join(desktop.files, "holiday.mkv"))) === firstHash);

    const second = join(laptop.files, "backup.tar");
    const secondHash = await makeFile(second, SECOND_BYTES);
    report.does(`A second file, ${formatSize(SECOND_BYTES)}; desktop's daemon is killed (SIGKILL) midway.`);
    const again = await laptop.covey.peer("desktop").send(second, { signal });
    const accepted = await acceptNext(desktop.covey, "backup.tar", desktop.files, signal);
    let before = 0;
    for await (const transfer of desktop.covey.watchTransfer(accepted.offer.id, { signal })) {
      before = transfer.doneBytes;
      if (before >= KILL_AT * SECOND_BYTES) break;
    }
    await desktop.kill();
    report.does(`killed at ${formatSize(before)}; it is started again.`);
    await desktop.start();
    const { ended: resumed } = await followBars(again, signal);
    const there = (await desktop.covey.transfers({ signal })).find(({ offer }) => offer.id === again.offer.id);
    const kept = there?.resumedBytes ?? 0;
    report.checks(
      `it went on by itself; ${formatSize(kept)} did not have to be sent again`,
      resumed.offer.state === "done" && kept > 0,
    );
    report.checks("the BLAKE3 of the second file agrees", (await hashFile(join(desktop.files, "backup.tar"))) === secondHash);
  },
};
