// Uploads to a program of its own: its memory, and a disk of its own that is full, for real.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { noSmallDisk } from "../small-disk.ts";

const MiB = 2 ** 20;

interface Taker extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Its directory for incoming files, seen from here. */
  readonly incoming: string;
}

/** `mount`: options of a tmpfs for what comes in, and what to do there first. */
async function startTaker(mount?: readonly [options: string, first: string]): Promise<Taker> {
  const dir = await mkdtemp(join(tmpdir(), "covey-taker-"));
  const incoming = join(dir, "incoming");
  await mkdir(incoming);
  const program = [
    process.execPath,
    fileURLToPath(new URL("./uploads.child.ts", import.meta.url)),
    join(dir, "home"),
    incoming,
    dir,
  ];
  const [first, ...rest] =
    mount === undefined
      ? program
      : [
          "unshare",
          "-Urm",
          "sh",
          "-c",
          `mount -t tmpfs -o ${mount[0]} tmpfs "$0" && cd "$0" && ${mount[1]} && exec "$@"`,
          incoming,
          ...program,
        ];
  const child = spawn(first!, rest, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [line] = (await Promise.race([once(child.stdout, "data"), exited])) as [Buffer];
  return {
    port: Number(line),
    pid: child.pid!,
    incoming: mount === undefined ? incoming : `/proc/${child.pid}/root${incoming}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
      await rm(dir, { recursive: true });
    },
  };
}

const head = (name: string): string =>
  `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
const END = "\r\n--b--\r\n";

interface Upload {
  /** Resolves when there is room for more. */
  write(bytes: Buffer): Promise<void>;
  end(): void;
  readonly answer: Promise<readonly [status: number, text: string]>;
}

/** `size`: what is told; undefined: nothing is. */
function begin({ port }: Taker, name: string, size: number | undefined): Upload {
  const length = size === undefined ? {} : { "Content-Length": head(name).length + size + END.length };
  const headers = { "Content-Type": "multipart/form-data; boundary=b", ...length };
  const sending = request({ host: "127.0.0.1", port, method: "POST", headers });
  const answered = Promise.withResolvers<readonly [number, string]>();
  sending.on("error", () => {});
  sending.once("response", (response) => {
    text(response).then((body) => answered.resolve([response.statusCode!, body]), answered.reject);
  });
  sending.once("close", () => answered.reject(new Error("it was closed without an answer")));
  sending.write(head(name));
  return {
    async write(bytes) {
      if (!sending.write(bytes)) await Promise.race([once(sending, "drain"), answered.promise]);
    },
    end: () => void sending.end(END),
    answer: answered.promise,
  };
}

const peakBytes = async ({ pid }: Taker): Promise<number> =>
  Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"))![1]) * 1024;

test(
  "300 MiB are taken at constant memory, and are what was sent",
  { skip: existsSync("/proc/self/status") ? false : "no /proc here" },
  async () => {
    await using taker = await startTaker();
    const block = randomBytes(MiB);
    const send = async (name: string, blocks: number): Promise<string> => {
      const upload = begin(taker, name, blocks * MiB);
      const hash = createHash("sha256");
      for (let i = 0; i < blocks; i++) {
        const next = Buffer.from(block);
        next.writeUInt32BE(i);
        hash.update(next);
        await upload.write(next);
      }
      upload.end();
      assert.equal((await upload.answer)[0], 201);
      return hash.digest("hex");
    };
    await send("warm-up", 30);
    const before = await peakBytes(taker);
    const sent = await send("large", 300);
    const grown = (await peakBytes(taker)) - before;
    assert.ok(grown < 100 * MiB, `${(grown / MiB).toFixed()} MiB more`);
    const got = createHash("sha256");
    for await (const chunk of createReadStream(join(taker.incoming, "large"))) got.update(chunk as Buffer);
    assert.equal(got.digest("hex"), sent);
  },
);

// Of 96 MiB, uploads leave 64 free.
test(
  "a disk that has no room, or loses it on the way: told at once, nothing is left, and what fits goes on",
  { skip: noSmallDisk },
  async () => {
    await using taker = await startTaker(["size=96m", "true"]);
    const file = Buffer.alloc(20 * MiB, 1);

    const told = begin(taker, "told", 200 * MiB);
    assert.deepEqual((await told.answer)[0], 507);

    const first = begin(taker, "first", file.length);
    await first.write(file.subarray(0, MiB));
    while ((await readdir(taker.incoming)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const beside = begin(taker, "beside", file.length);
    const [status, why] = await beside.answer;
    assert.equal(status, 507);
    assert.match(why, /no room for it on the disk.*free some space/i);

    const untold = begin(taker, "untold", undefined);
    let over = false;
    untold.answer.finally(() => (over = true)).catch(() => {});
    for (let i = 0; i < 40 && !over; i++) await untold.write(file.subarray(0, MiB));
    untold.end();
    assert.equal((await untold.answer)[0], 507);

    await first.write(file.subarray(MiB));
    first.end();
    assert.equal((await first.answer)[0], 201);
    assert.deepEqual(await readdir(taker.incoming), ["first"]);
    assert.equal((await stat(join(taker.incoming, "first"))).size, file.length);
  },
);

test("a disk without a name left for one more file", { skip: noSmallDisk }, async () => {
  await using taker = await startTaker(["size=96m,nr_inodes=9", "for i in 1 2 3 4 5 6 7 8; do : > $i; done"]);
  const upload = begin(taker, "one more", 1);
  await upload.write(Buffer.from("x"));
  upload.end();
  assert.equal((await upload.answer)[0], 507);
  // A link takes the place of a name too.
  for (const name of ["7", "8"]) await rm(join(taker.incoming, name));
  const again = begin(taker, "one more", 1);
  await again.write(Buffer.from("x"));
  again.end();
  assert.equal((await again.answer)[0], 201);
  assert.equal(await readFile(join(taker.incoming, "one more"), "utf8"), "x");
});
