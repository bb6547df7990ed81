import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPrivateKey, sign, verify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";

import { toBase32, toHex } from "../core/bytes.ts";
import { openHome } from "./home.ts";
import type { Home } from "./home-names.ts";
import { loadIdentity } from "./key.ts";
import { keyOfPeerId } from "./peer-id.ts";

async function newHome(t: TestContext): Promise<Home> {
  const dir = await mkdtemp(join(tmpdir(), "covey-key-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return openHome(dir);
}

/** A process that loads the identity of a home; resolves to the peer id that it printed, "" when it was killed first. */
async function loadElsewhere(home: Home, killAfterMs?: number): Promise<string> {
  const source = `import { loadIdentity } from ${JSON.stringify(new URL("./key.ts", import.meta.url).href)};
    process.stdout.write("ready\\n"); process.stdin.once("data", async () => {
      process.stdout.write((await loadIdentity({ key: process.argv[1] })).peerId); process.exit(); });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source, home.key], { stdio: ["pipe", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await once(child.stdout, "data");
  child.stdin.write("go");
  if (killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs).unref();
  await once(child, "close");
  return text.slice("ready\n".length);
}

test("a key is made once, private whatever the umask, and is the same ever after", async (t) => {
  const home = await newHome(t);
  const before = process.umask(0);
  const first = await loadIdentity(home).finally(() => process.umask(before));
  assert.equal((await stat(home.key)).mode & 0o7777, 0o600);
  assert.deepEqual(await readdir(home.dir), ["key.pem"]);
  const again = await loadIdentity(home);
  assert.equal(again.peerId, first.peerId);
  assert.deepEqual(again.seed, first.seed);
});

test("the parts of an identity belong together", async (t) => {
  const { peerId, publicKey, seed, keyPem, certificatePem } = await loadIdentity(await newHome(t));
  assert.deepEqual(keyOfPeerId(peerId), Buffer.from(publicKey));
  const key = createPrivateKey(keyPem);
  assert.deepEqual(key.export({ format: "der", type: "pkcs8" }).subarray(-32), Buffer.from(seed));
  const certificate = new X509Certificate(certificatePem);
  assert.ok(certificate.checkPrivateKey(key));
  assert.ok(verify(null, Buffer.from("x"), certificate.publicKey, sign(null, Buffer.from("x"), key)));
});

test("many loads at once, in this process and in others, give one key", async (t) => {
  const home = await newHome(t);
  const others = Array.from({ length: 3 }, () => loadElsewhere(home));
  const here = Promise.all(Array.from({ length: 8 }, async () => (await loadIdentity(home)).peerId));
  const ids = new Set([...(await Promise.all(others)), ...(await here)]);
  assert.equal(ids.size, 1);
  assert.deepEqual(await readdir(home.dir), ["key.pem"]);
});

test("killed while it makes the key, it leaves a whole key or none", async (t) => {
  for (let delay = 0; delay < 8; delay += 2) {
    const home = await newHome(t);
    const told = await loadElsewhere(home, delay);
    const { peerId } = await loadIdentity(home);
    if (told !== "") assert.equal(peerId, told);
    assert.deepEqual(await readdir(home.dir), ["key.pem"]);
  }
});

test("a key that others could read or choose is refused", async (t) => {
  const home = await newHome(t);
  await loadIdentity(home);
  for (const mode of [0o640, 0o604, 0o620, 0o700, 0o644]) {
    await chmod(home.key, mode);
    await assert.rejects(loadIdentity(home), { code: "home-unsafe", hint: `Run: chmod 600 ${home.key}` });
  }
  await chmod(home.key, 0o600);
  await rename(home.key, join(home.dir, "real"));
  await symlink("real", home.key);
  await assert.rejects(loadIdentity(home), { code: "home-unsafe", message: /symbolic link/ });
  await rm(home.key);
  await symlink("nowhere", home.key);
  await assert.rejects(loadIdentity(home), { code: "home-unsafe", message: /symbolic link/ });
  await rm(home.key);
  await mkdir(home.key, { mode: 0o700 });
  await assert.rejects(loadIdentity(home), { code: "home-unsafe", message: /not a regular file/ });
});

test("a FIFO in the place of the key is refused and not waited for", async (t) => {
  const home = await newHome(t);
  await once(spawn("mkfifo", ["-m", "600", home.key]), "close");
  await assert.rejects(loadIdentity(home), { code: "home-unsafe", message: /not a regular file/ });
});

test("another user's key is refused", { skip: process.geteuid!() === 0 ? false : "only root can give files away" }, async (t) => {
  const home = await newHome(t);
  await loadIdentity(home);
  await chown(home.key, 12345, 12345);
  await assert.rejects(loadIdentity(home), { code: "home-unsafe", message: /belongs to the user with id 12345/ });
});

test("a damaged key file is a clear error and is left as it is", async (t) => {
  const home = await newHome(t);
  await loadIdentity(home);
  const good = await readFile(home.key, "utf8");
  const flipped = (at: number): string => good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
  const seedAt = good.indexOf("BEGIN PRIVATE KEY-----\n") + 60;
  const damaged = [
    "",
    "\n",
    good.slice(0, -1),
    good.slice(0, 100),
    flipped(15),
    flipped(seedAt),
    `${good}x`,
    "\0".repeat(good.length),
    "x".repeat(5000),
  ];
  damaged.push(good.replace("-----BEGIN", "-----BEGIN\u001b[2J"));
  for (const text of damaged) {
    await writeFile(home.key, text);
    await assert.rejects(loadIdentity(home), (error: Error & { code?: string }) => {
      assert.equal(error.code, "integrity");
      assert.ok(!good.includes(error.message) && !error.message.includes("BEGIN"));
      return true;
    });
    assert.equal(await readFile(home.key, "utf8"), text);
  }
  await writeFile(home.key, good);
  await loadIdentity(home);
});

test("whatever prints, spreads or serialises an identity shows no secret", async (t) => {
  const identity = await loadIdentity(await newHome(t));
  const seed = Buffer.from(identity.seed);
  const secrets = [
    toHex(seed),
    seed.toString("base64"),
    toBase32(seed),
    identity.keyPem.split("\n")[1]!,
    [...seed.subarray(0, 8)].join(", "),
    inspect(seed),
  ];
  const shown = [
    inspect(identity),
    inspect(identity, { showHidden: true, depth: null, customInspect: false }),
    inspect({ deep: { identity } }, { depth: null, showHidden: true }),
    JSON.stringify(identity),
    JSON.stringify({ ...identity }),
    JSON.stringify(structuredClone(identity)),
    inspect(Object.entries(identity)),
  ];
  for (const text of shown) for (const secret of secrets) assert.ok(!text.includes(secret), text);
  assert.equal(JSON.stringify(identity), JSON.stringify({ peerId: identity.peerId }));
  assert.equal(inspect(identity), `Identity ${identity.peerId}`);
});
