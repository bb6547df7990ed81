// A directory goes across as it is; another one is shared, looked into and fetched from, and then it is not shared any more.

import { chmod, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { CoveyError } from "../../../core/errors.ts";
import type { Listed } from "../../../services/files/contract.ts";
import { hashFile, listTree, makeFile } from "../files.ts";
import type { Step } from "../stage.ts";
import { acceptNext, followBars } from "../transfer.ts";
import { until } from "../wait.ts";

const MiB = 1024 * 1024;
const SMALL_FILES = 1000;
const LARGE_BYTES = 64 * MiB;

export const shareDirectories: Step = {
  title: "They share directories",
  async run({ laptop, desktop, signal }, report) {
    const photos = join(laptop.files, "photos");
    await makePhotos(photos);
    report.does(
      `laptop offers photos/ (${SMALL_FILES} small files, a large one, an empty directory, a script, a link) and notes.txt, in one go.`,
    );
    await writeFile(join(laptop.files, "notes.txt"), "all of it\n");
    const job = await laptop.covey.peer("desktop").send([photos, join(laptop.files, "notes.txt")], { signal });
    const { offers } = await until(
      "desktop sees the offer",
      async () => {
        const inbox = await desktop.covey.inbox({ signal });
        return inbox.offers.length > 0 ? inbox : undefined;
      },
      signal,
    );
    report.checks(
      `desktop sees what is offered before a byte is taken: ${offers[0]?.roots.map(({ name }) => name).join(", ")}, ${offers[0]?.files} files`,
      offers[0]?.files === SMALL_FILES + 3,
    );
    await acceptNext(desktop.covey, offers[0]?.name ?? "", desktop.files, signal);
    const { ended } = await followBars(job, signal);
    const [sent, got] = [await listTree(photos), await listTree(join(desktop.files, "photos"))];
    report.checks(
      `desktop has the same ${got.length} things: names, contents, times, the script's x, the link`,
      ended.offer.state === "done" && ended.notes.count === 0 && sent.join("\n") === got.join("\n"),
    );

    const dist = join(laptop.files, "dist");
    await mkdir(dist);
    const hash = await makeFile(join(dist, "app.tar"), 8 * MiB);
    report.does("laptop shares dist/ with desktop (covey share dist/ desktop:), and writes a file into it afterwards.");
    await laptop.covey.peer("desktop").share(dist, { signal });
    await writeFile(join(dist, "later.txt"), "written after it was shared\n");
    const there = desktop.covey.peer("laptop");
    await until(
      "desktop hears of the share",
      async () => (await there.shares({ signal })).find(({ name }) => name === "dist"),
      signal,
    );
    const listed: Listed[] = [];
    for await (const one of there.list("dist", { signal })) listed.push(one);
    report.checks(
      `desktop sees what is there now (covey ls laptop:dist/): ${listed.map(({ path }) => path).join(", ")}`,
      listed.map(({ path }) => path).join() === "dist,dist/app.tar,dist/later.txt",
    );
    const getting = await there.get("dist/app.tar", { into: desktop.files, signal });
    await getting.done;
    report.checks("it gets one file of it, and the BLAKE3 agrees", (await hashFile(join(desktop.files, "app.tar"))) === hash);
    const { shares } = await laptop.covey.peer("desktop").access({ signal });
    report.checks("laptop can say all that desktop may reach: 1 share", shares.length === 1);
    await laptop.covey.peer("desktop").unshare("dist", { signal });
    const refused = await there.get("dist/later.txt", { into: desktop.files, signal }).then(
      () => "it was given",
      (error: unknown) => (error instanceof CoveyError ? error.code : String(error)),
    );
    report.checks(`no longer shared, it is not to be had any more: ${refused}`, refused === "not-found" || refused === "refused");
  },
};

async function makePhotos(photos: string): Promise<void> {
  await mkdir(join(photos, "2024"), { recursive: true });
  await mkdir(join(photos, "empty"));
  for (let i = 0; i < SMALL_FILES; i++) await writeFile(join(photos, "2024", `${i}.jpg`), `picture ${i}\n`.repeat(100));
  await makeFile(join(photos, "film.mkv"), LARGE_BYTES);
  await writeFile(join(photos, "show.sh"), "#!/bin/sh\nls 2024\n");
  await chmod(join(photos, "show.sh"), 0o755);
  await symlink("2024/7.jpg", join(photos, "best.jpg"));
  await utimes(join(photos, "2024"), new Date(2024, 7, 1), new Date(2024, 7, 1));
}
