import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import fc from "fast-check";

import { LIMITS } from "../../../core/limits.ts";
import { begin, end, exchange, headOf, part, send, UploadLab } from "./test-kit.ts";

const MiB = 2 ** 20;

/** Waits until it is so, for as long as the test may run. */
async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("files arrive byte by byte under names that are safe and free, whatever they are called", async () => {
  await using lab = await UploadLab.open();
  await mkdir(join(lab.into, "taken"));
  const cases: [disposition: string, name: string][] = [
    ['name="f"; filename="plain.txt"', "plain.txt"],
    ['name="f"; filename="plain.txt"', "plain (2).txt"],
    ['name="f"; filename="taken"', "taken (2)"],
    ['name="f"; filename="日本 é.txt"', "日本 é.txt"],
    ["name=\"f\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt", "naïve €.txt"],
    ["name=f; filename=dot.net; filename*=utf-8''dot%C3%A9.net", "doté.net"],
    // RFC 7578, 4.2: there is to be no second one.
    ['name="f"; filename="both"; filename*=utf-8\'\'both%C3%A9', "both"],
    ['name="f"; filename="say %22hi%22.txt"', 'say "hi".txt'],
    ['name="f"; filename="../../etc/passwd"', "passwd"],
    ['name="f"; filename="/etc/shadow"', "shadow"],
    ['name="f"; filename=".."', "__"],
    ['name="f"; filename="a/.."', "__ (2)"],
    ['name="f"; filename="..\\\\evil.txt"', "___evil.txt"],
    ['name="f"; filename=".bashrc"', "_bashrc"],
    ['name="f"; filename=".covey-upload-00.part"', "_covey-upload-00.part"],
    ['name="f"; filename="cod\u202egpj.exe"', "cod_gpj.exe"],
    ['name="f"; filename="NUL.txt"', "_NUL.txt"],
    ['name="f"; filename="lock"', "_lock"],
    [`name="f"; filename="${"x".repeat(400)}.txt"`, `${"x".repeat(250)}.txt`],
    ['name="f"; filename="dir/"', "unnamed"],
    ['name="f"; filename=""', "unnamed (2)"],
    ['name="f"; filename="\x01\x7f\t"', "___"],
  ];
  const contents = cases.map((_, i) => randomBytes(i * 1000));
  const answer = await send(
    lab,
    Buffer.concat([...cases.map(([disposition], i) => part(disposition, contents[i]!)), part('name="x"', "no file"), end]),
  );
  assert.match(answer, /^HTTP\/1\.1 201 /);
  const { files } = JSON.parse(answer.split("\r\n\r\n")[1]!) as { files: { name: string; size: number }[] };
  assert.deepEqual(
    files.map(({ name, size }) => [name, size]),
    cases.map(([, name], i) => [name, i * 1000]),
  );
  for (const [i, [, name]] of cases.entries()) {
    const path = join(lab.into, name);
    assert.deepEqual(await readFile(path), contents[i]);
    assert.equal((await stat(path)).mode & 0o7111, 0, "neither executable nor setuid");
  }
  assert.deepEqual(await lab.names(), ["taken", ...cases.map(([, name]) => name)].toSorted());
  assert.deepEqual(
    lab.events.flatMap((event) => (event.type === "upload" ? event.path : [])),
    cases.map(([, name]) => join(lab.into, name)),
  );
});

test("every byte can stand in a name and in a file, and goes no further than its place", async () => {
  await using lab = await UploadLab.open();
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const head = (byte: number): Buffer =>
    Buffer.concat([
      Buffer.from('------boundary\r\nContent-Disposition: form-data; name="f"; filename="a'),
      Buffer.of(byte),
      Buffer.from('b"\r\n\r\n'),
    ]);
  for (const bytes of [all.subarray(0, 90), all.subarray(90, 180), all.subarray(180)]) {
    const parts = [...bytes].flatMap((byte) => [head(byte), all, Buffer.from("\r\n")]);
    assert.match(await send(lab, Buffer.concat([...parts, end])), /^HTTP\/1\.1 201 /);
  }
  const names = await lab.names();
  // Those with CR and LF have no name that can be read.
  assert.equal(names.length, 254);
  for (const name of names) {
    assert.match(name, /^[^.\p{C}/\\][^\p{C}/\\]*$/u);
    assert.deepEqual(await readFile(join(lab.into, name)), all);
  }
});

test("what is no whole upload is answered once, and of it only what was whole is there", async () => {
  await using lab = await UploadLab.open();
  const whole = Buffer.concat([
    part('name="f"; filename="a"', "A".repeat(5000)),
    part('name="x"', "field"),
    part('name="f"; filename="b"', "B".repeat(70_000)),
    end,
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(whole.length), fc.boolean(), async (length, at, flips) => {
      const body = Buffer.from(flips ? whole : whole.subarray(0, length));
      if (flips) body[length]! ^= 0x55;
      const before = new Set(await lab.names());
      const answer = await exchange(lab, headOf(body.length, "Connection: close\r\n"), body.subarray(0, at), body.subarray(at));
      assert.equal(answer.match(/^HTTP\/1\.1 /gm)?.length, 1);
      assert.match(answer, /^HTTP\/1\.1 (?:201|400) /);
      for (const name of (await readdir(lab.into)).filter((one) => !before.has(one))) {
        const { size } = await stat(join(lab.into, name));
        if (!flips) assert.ok([5000, 70_000].includes(size), `${name}: ${size}`);
        assert.doesNotMatch(name, /^\./);
      }
    }),
    { numRuns: 60 },
  );
});

test("what is no upload, or has no file in it, is refused in words", async () => {
  await using lab = await UploadLab.open();
  const cases: [type: string, body: string, status: number][] = [
    ["text/plain", "update_data,x", 415],
    ["application/x-www-form-urlencoded", "update_data,x", 415],
    ["multipart/form-data", "x", 415],
    ["multipart/form-data; charset=x", "x", 400],
    ["multipart/form-data; boundary=----boundary", String(part('name="x"', "y")) + String(end), 400],
    ["multipart/form-data; boundary=----boundary", String(part('name="f"; filename=""', "")) + String(end), 400],
    ["multipart/form-data; boundary=----boundary", String(end), 400],
    ["multipart/form-data; boundary=----boundary", "", 400],
    ["multipart/form-data; boundary=----boundary", "update_data,x", 400],
  ];
  for (const [type, body, status] of cases) {
    const answer = await fetch(lab.url, { method: "POST", body, headers: { "Content-Type": type } });
    assert.equal(answer.status, status, `${type} ${body}`);
    assert.match(await answer.text(), /^refused: /);
  }
  assert.deepEqual(await lab.names(), []);
});

test("each client reads the answer in its own way; a page without scripts shows what came", async () => {
  await using lab = await UploadLab.open();
  const post = async (accept: string, ...files: string[]): Promise<Response> => {
    const body = new FormData();
    for (const file of files) body.append("file", new Blob([file]), file);
    return fetch(lab.url, { method: "POST", body, headers: { Accept: accept }, redirect: "manual" });
  };
  assert.equal(await (await post("*/*", "a")).text(), "received a, 1 B\n");
  assert.deepEqual(await (await post("application/json", "a")).json(), { files: [{ given: "a", name: "a (2)", size: 1 }] });
  const answer = await post("text/html,*/*", "b", "c");
  assert.equal(answer.status, 303);
  const shown = await fetch(`${lab.url}${answer.headers.get("location")!}`, { headers: { Accept: "text/html" } });
  assert.match(await shown.text(), /<h2>Sent 2 files<\/h2>[^]*<li>b, 1 B<\/li>[^]*<li>c, 1 B<\/li>/);
  const refused = await post("text/html");
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /<h1>/);
});

test("a sender that is cut within leaves nothing, as often as it happens", async () => {
  await using lab = await UploadLab.open();
  for (const file of [1, 70_000, 3 * MiB]) {
    const body = Buffer.concat([part('name="f"; filename="a"', Buffer.alloc(file)), end]);
    const socket = await begin(lab, Buffer.concat([Buffer.from(headOf(body.length)), body.subarray(0, -20)]));
    await until(async () => (await lab.names()).length === 1);
    assert.match((await lab.names())[0]!, /^\.covey-upload-[0-9a-f]+\.part$/);
    assert.equal((await stat(join(lab.into, (await lab.names())[0]!))).mode & 0o777, 0o600);
    socket.resetAndDestroy();
    await until(async () => (await lab.names()).length === 0);
  }
});

test("one that ends within its body is told so, whether it waits for that or not", async () => {
  await using lab = await UploadLab.open();
  const body = Buffer.concat([part('name="f"; filename="first"', "1"), part('name="f"; filename="second"', "2").subarray(0, -2)]);
  const socket = await begin(lab, Buffer.concat([Buffer.from(headOf(10_000_000)), body]));
  socket.end();
  assert.match(await text(socket), /^HTTP\/1\.1 400 [^]*\r\n\r\nreceived first, 1 B\nrefused: the upload breaks off/);
  assert.deepEqual(await lab.names(), ["first"]);
});

test("a sender that is killed leaves nothing", async () => {
  await using lab = await UploadLab.open();
  const body = part('name="f"; filename="a"', Buffer.alloc(3 * MiB)).subarray(0, -2);
  const child = spawn(process.execPath, [fileURLToPath(new URL("./sender.child.ts", import.meta.url)), String(lab.port)]);
  child.stdin.on("error", () => {});
  child.stdin.write(headOf(10_000_000));
  child.stdin.write(body);
  await until(async () => (await lab.names()).length === 1);
  child.kill("SIGKILL");
  await until(async () => (await lab.names()).length === 0);
});

test("what was whole before the cut stays", async () => {
  await using lab = await UploadLab.open();
  const socket = await begin(
    lab,
    Buffer.concat([
      Buffer.from(headOf(10_000_000)),
      part('name="f"; filename="first"', "1"),
      part('name="f"; filename="second"', "2").subarray(0, -2),
    ]),
  );
  await until(async () => (await lab.names()).length === 2);
  socket.destroy();
  await until(async () => (await lab.names()).join() === "first");
});

const unfinished = (name: string): Buffer =>
  Buffer.concat([Buffer.from(headOf(1000)), part(`name="f"; filename="${name}"`, "x").subarray(0, -2)]);

test("one address has some of the places, and leaves the others", { skip: process.platform !== "linux" }, async () => {
  await using lab = await UploadLab.open();
  const most = LIMITS.uploadsPerAddress;
  const sockets = await Promise.all(Array.from({ length: most }, (_, i) => begin(lab, unfinished(String(i)))));
  await until(async () => (await lab.names()).length === most);
  const refused = await fetch(lab.url, { method: "POST", body: formWith("one more", "x") });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  sockets.push(await begin(lab, unfinished("other"), "127.0.0.2"));
  await until(async () => (await lab.names()).length === most + 1);
  sockets[0]!.destroy();
  await until(async () => (await lab.names()).length === most);
  assert.equal((await fetch(lab.url, { method: "POST", body: formWith("one more", "x") })).status, 201);
  for (const socket of sockets) socket.destroy();
});

test("a body that is not wanted is not asked for", async (t) => {
  t.mock.property(LIMITS, "lingerMs", 100);
  await using lab = await UploadLab.open();
  const whole = Buffer.concat([part('name="f"; filename="a"', "x"), end]);
  const ask = headOf(whole.length, "Expect: 100-continue\r\nConnection: close\r\n");
  assert.match(await exchange(lab, ask.replace("multipart/form-data", "text/plain")), /^HTTP\/1\.1 415 /);
  assert.match(await exchange(lab, ask.replace("boundary=", "x=")), /^HTTP\/1\.1 400 /);
  assert.match(await exchange(lab, ask.replace(/Content-Length: \d+/, "Content-Length: 1000000000000000")), /^HTTP\/1\.1 507 /);
  const { mock } = t.mock.property(LIMITS, "uploadsAtOnce", 0);
  assert.match(await exchange(lab, ask), /^HTTP\/1\.1 503 /);
  mock.restore();
  const socket = await begin(lab, ask);
  let answers = "";
  socket.on("data", (chunk: Buffer) => (answers += String(chunk)));
  await until(() => answers === "HTTP/1.1 100 Continue\r\n\r\n");
  socket.write(whole);
  await once(socket, "end");
  assert.match(answers, /\r\n\r\nHTTP\/1\.1 201 /);
});

test("sixteen at once, and the next one is told to come again", async (t) => {
  t.mock.property(LIMITS, "uploadsPerAddress", LIMITS.uploadsAtOnce);
  await using lab = await UploadLab.open();
  const contents = Array.from({ length: LIMITS.uploadsAtOnce }, () => randomBytes(2 * MiB + 17));
  const bodies = contents.map((content, i) => Buffer.concat([part(`name="f"; filename="${i}"`, content), end]));
  const sockets = await Promise.all(
    bodies.map((body) => begin(lab, Buffer.concat([Buffer.from(headOf(body.length)), body.subarray(0, MiB)]))),
  );
  await until(async () => (await lab.names()).length === LIMITS.uploadsAtOnce);
  const refused = await fetch(lab.url, { method: "POST", body: formWith("late", "x") });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  for (const [i, socket] of sockets.entries()) socket.write(bodies[i]!.subarray(MiB));
  await Promise.all(sockets.map((socket) => once(socket, "data")));
  for (const socket of sockets) socket.destroy();
  for (const [i, content] of contents.entries()) assert.ok((await readFile(join(lab.into, String(i)))).equals(content));
  assert.equal((await fetch(lab.url, { method: "POST", body: formWith("late", "x") })).status, 201);
});

test("a client that is still sending when it is refused reads why", async () => {
  await using lab = await UploadLab.open();
  const cases: [head: string, status: number][] = [
    [headOf(1e15), 507],
    [headOf(50 * MiB).replace("multipart/form-data", "text/plain"), 415],
  ];
  for (const [head, status] of cases) {
    const socket = await begin(lab, head);
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += String(chunk)));
    const ended = once(socket, "close");
    for (let sent = 0; sent < 50 && !answer; sent++) {
      if (!socket.write(Buffer.alloc(MiB))) await Promise.race([once(socket, "drain"), ended]);
    }
    await until(() => answer !== "");
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\nConnection: close\r\n[^]*refused: `));
    socket.end();
    await ended;
  }
  assert.deepEqual(await lab.names(), []);
});

test("one file that is too large, or too many of them, end the upload; what came before is told and stays", async (t) => {
  t.mock.property(LIMITS, "uploadBytes", 100_000);
  t.mock.property(LIMITS, "uploadFiles", 3);
  await using lab = await UploadLab.open();
  const file = (name: string, size: number): Buffer => part(`name="f"; filename="${name}"`, Buffer.alloc(size));
  const large = await send(lab, Buffer.concat([file("a", 100_000), file("b", 100_001), file("c", 1), end]));
  assert.match(large, /^HTTP\/1\.1 413 [^]*"name":"a","size":100000/);
  const many = await send(lab, Buffer.concat([..."wxyz"].map((name) => file(name, 1)).concat(end)));
  assert.match(many, /^HTTP\/1\.1 413 /);
  const names = await lab.names();
  assert.ok(names.includes("a") && !names.includes("b") && !names.includes("z"), names.join());
  assert.ok(names.every((name) => !name.startsWith(".")));
});

test("one that brings too little for too long is given up, and no sooner", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  await using lab = await UploadLab.open();
  const body = Buffer.concat([part('name="f"; filename="slow"', Buffer.alloc(3 * MiB)), end]);
  const socket = await begin(lab, headOf(body.length));
  const answered = text(socket);
  let over = false;
  void answered.then(() => (over = true));
  socket.write(body.subarray(0, 1.5 * MiB));
  const written = async (): Promise<number> => {
    const [name] = await lab.names();
    return name === undefined ? 0 : (await stat(join(lab.into, name))).size;
  };
  await until(async () => (await written()) === MiB);
  t.mock.timers.tick(LIMITS.gatewayIdleMs);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await written(), MiB);
  // What is still on its way counts as well.
  await until(async () => {
    t.mock.timers.tick(LIMITS.gatewayIdleMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return (await lab.names()).length === 0;
  });
  socket.end();
  await until(() => over);
  assert.match(await answered, /^HTTP\/1\.1 408 /);
});

test("when the serving ends, uploads end with it, and leave nothing", async () => {
  await using lab = await UploadLab.open();
  const socket = await begin(
    lab,
    Buffer.concat([Buffer.from(headOf(1000)), part('name="f"; filename="a"', "x").subarray(0, -2)]),
  );
  await until(async () => (await lab.names()).length === 1);
  await lab.http.close();
  assert.deepEqual(await lab.names(), []);
  socket.destroy();
});

test("what a crash has left is removed when it is old, and nothing else is", async () => {
  await using lab = await UploadLab.open();
  const names = [".covey-upload-0f.part", ".covey-upload-1f.part", ".covey-0f.part", "covey-upload-0f.part"];
  for (const name of names) await writeFile(join(lab.into, name), "x");
  const old = new Date(Date.now() - 2 * LIMITS.uploadAbandonedMs);
  for (const name of [names[0]!, names[2]!, names[3]!]) await utimes(join(lab.into, name), old, old);
  await using second = await UploadLab.open(lab.into);
  await second.http.close();
  assert.deepEqual(await lab.names(), names.slice(1).toSorted());
});

test("what a kill has left just before is removed when it is old enough", async (t) => {
  t.mock.property(LIMITS, "uploadAbandonedMs", 300);
  await using lab = await UploadLab.open();
  await writeFile(join(lab.into, ".covey-upload-0f.part"), "x");
  await using _second = await UploadLab.open(lab.into);
  await until(async () => (await lab.names()).length === 0);
});

test("one connection, one answer for each request", async () => {
  await using lab = await UploadLab.open();
  const body = Buffer.concat([part('name="f"; filename="a"', "x"), end]);
  const request = Buffer.concat([
    Buffer.from(headOf(body.length, `User-Agent: x\r\nHost: localhost:${lab.port}\r\nConnection: keep-alive\r\n`)),
    body,
  ]);
  const last = Buffer.concat([Buffer.from(headOf(body.length)), body]);
  const answers = await exchange(lab, Buffer.concat([request, request, last]));
  assert.deepEqual(answers.match(/^HTTP\/1\.1 \d+|received .*?(?=,)/gm), [
    "HTTP/1.1 201",
    "received a",
    "HTTP/1.1 201",
    "received a (2)",
    "HTTP/1.1 201",
    "received a (3)",
  ]);
});

function formWith(name: string, content: string): FormData {
  const form = new FormData();
  form.append("file", new Blob([content]), name);
  return form;
}
