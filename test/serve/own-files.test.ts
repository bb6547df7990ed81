// A peer serves a directory with its own home in it, and the directory that uploads go to: the key, the store and what is still on its way
// are for nobody, neither by their names nor through links.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { Covey } from "../../src/index.ts";
import { eventually, place, type Place as Home } from "./kit.ts";
import { ask } from "./port.ts";
import { type Place, serve } from "./serve.ts";

let home: Home;
let covey: Covey;
let served: Place;

before(async () => {
  home = await place();
  covey = await home.host();
  served = await serve(covey, { directory: home.path, upload: true, perAddress: 64 });
});
after(async () => {
  await served[Symbol.asyncDispose]();
  await covey[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

/** As a program asks for it: no client puts the path in order before. */
const statusOf = async (path: string): Promise<number> => (await ask(served.port, `GET ${path} HTTP/1.1\r\n\r\n`)).status;

async function listed(path: string): Promise<readonly string[]> {
  const { status, body } = await ask(served.port, `GET ${path} HTTP/1.1\r\nAccept: application/json\r\n\r\n`);
  assert.equal(status, 200);
  const page = await ask(served.port, `GET ${path} HTTP/1.1\r\nAccept: text/html\r\n\r\n`);
  const [, files = ""] = String(page.body).split('<ul class="files">');
  const links = [...files.matchAll(/<li(?: class="dir")?><a href="([^"]*)"/g)].map(([, href]) => href!);
  const entries = JSON.parse(String(body)) as { name: string; href: string }[];
  assert.deepEqual(links.toSorted(), entries.map(({ href }) => href).toSorted());
  return entries.map(({ name }) => name);
}

test("the home of the peer is not there: not its name, not its key, not its store, and through no link", async () => {
  const own = await readdir(join(home.path, "laptop"));
  for (const name of ["key.pem", "store.db", "lock"]) assert.ok(own.includes(name), name);
  await mkdir(join(home.path, "sub"));
  await writeFile(join(home.path, "sub", "mine"), "x");
  const links: Record<string, string> = {
    "to-home": "laptop",
    "to-home-absolute": join(home.path, "laptop"),
    "to-key": "laptop/key.pem",
    "to-key-absolute": join(home.path, "laptop", "key.pem"),
    "sub/up": "..",
    "sub/to-home": "../laptop/",
    "sub/to-links": "../to-home",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(home.path, name));
  assert.deepEqual(await listed("/"), ["sub"]);
  assert.deepEqual(await listed("/sub/"), ["mine", "up"]);
  const ways = ["/laptop", "/%6captop", "/sub/up/laptop", "/to-home", "/to-home-absolute", "/sub/to-home", "/sub/to-links"];
  for (const way of ways) {
    const paths = [way, `${way}/`, ...own.map((name) => `${way}/${name}`)];
    assert.deepEqual(
      await Promise.all(paths.map(statusOf)),
      paths.map(() => 404),
      way,
    );
  }
  for (const name of ["to-key", "to-key-absolute"]) assert.equal(await statusOf(`/${name}`), 404, name);
  assert.equal(await statusOf("/sub/mine"), 200);
});

test("a directory that becomes a home while it is served is gone from then on", async () => {
  const young = join(home.path, "young");
  await mkdir(young);
  for (const name of ["key.pem", "store.db"]) await writeFile(join(young, name), "x");
  assert.equal(await statusOf("/young/key.pem"), 200);
  await using inside = await serve(covey, { directory: young });
  await writeFile(join(young, "lock"), "");
  assert.equal(await statusOf("/young/key.pem"), 404);
  assert.equal((await ask(inside.port, "GET /key.pem HTTP/1.1\r\n\r\n")).status, 404);
  assert.equal((await ask(inside.port, "GET / HTTP/1.1\r\n\r\n")).status, 404);
  await rm(young, { recursive: true });
});

test("what is being uploaded can't be seen, nor what is noted of a download, until it is there", async () => {
  const incoming = join(home.path, "incoming");
  const sending = request({
    ...{ host: "127.0.0.1", port: served.port, path: "/", method: "POST" },
    headers: { "Content-Type": "multipart/form-data; boundary=b" },
  });
  sending.write('--b\r\nContent-Disposition: form-data; name="f"; filename="photo"\r\n\r\nsecret');
  await eventually(async () => (await readdir(incoming).catch(() => [])).length === 1);
  const [hidden] = await readdir(incoming);
  const others = [".covey-ab.part", ".covey-ab-1.json", "..covey-ab-1.json.0123456789abcdef.tmp"];
  for (const name of others) await writeFile(join(incoming, name), "secret");
  await mkdir(join(incoming, ".covey-cd.part"));
  await writeFile(join(incoming, ".covey-cd.part", "within"), "secret");
  await symlink(hidden!, join(incoming, "to-hidden"));
  await writeFile(join(incoming, ".covey"), "no part");
  assert.deepEqual(await listed("/incoming/"), [".covey"]);
  for (const name of [hidden!, ...others, ".covey-cd.part/within", "%2ecovey-ab.part", "to-hidden"])
    assert.equal(await statusOf(`/incoming/${name}`), 404, name);
  sending.end("\r\n--b--\r\n");
  const [answer] = (await once(sending, "response")) as [{ statusCode: number; resume(): void }];
  answer.resume();
  assert.equal(answer.statusCode, 201);
  assert.deepEqual(await listed("/incoming/"), [".covey", "photo"]);
  assert.equal(await readFile(join(incoming, "photo"), "utf8"), "secret");
});

test("a key is never read while its home is renamed, linked and named back", async () => {
  const [at, elsewhere] = [join(home.path, "laptop"), join(home.path, "moved")];
  const key = await readFile(join(at, "key.pem"));
  let stop = false;
  const seen = new Set<number>();
  const asking = ["/laptop/key.pem", "/moved/key.pem", "/moved/", "/laptop/store.db"].map(async (path) => {
    while (!stop) {
      const { status, body } = await ask(served.port, `GET ${path} HTTP/1.1\r\n\r\n`);
      seen.add(status);
      assert.ok(!body.includes(key));
    }
  });
  for (let i = 0; i < 100; i++) {
    await rename(at, elsewhere);
    await symlink("moved", at);
    await rm(at);
    await rename(elsewhere, at);
    if (i % 5 === 0) await statusOf("/sub/mine");
  }
  stop = true;
  await Promise.all(asking);
  assert.deepEqual([...seen], [404]);
});
