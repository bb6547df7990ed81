import assert from "node:assert/strict";
import { chmod, lstat, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { openHome } from "../identity/home.ts";
import type { Home } from "../identity/home-names.ts";
import { applyChange, readConfig, writeConfig } from "./config.ts";
import { cleanEnvironment } from "./environment.ts";

let home: Home;

before(async () => {
  home = await openHome(join(await mkdtemp(join(tmpdir(), "covey-config-")), "home"));
});

after(() => rm(join(home.dir, ".."), { recursive: true, force: true }));

test("what is written is read again; without a file everything has its default", async () => {
  assert.deepEqual(await readConfig(home), {});
  const config = { name: "laptop", listen: ["tcp://*:4747"], incoming: "/home/x/Downloads" };
  await writeConfig(home, config);
  assert.deepEqual(await readConfig(home), config);
  assert.equal((await lstat(home.config)).mode & 0o777, 0o600);
});

test("a change keeps what it does not name, and null goes back to the default", () => {
  const config = { name: "laptop", listen: ["tcp://*:1"] };
  assert.deepEqual(applyChange(config, {}), config);
  assert.deepEqual(applyChange(config, { listen: [] }), { name: "laptop", listen: [] });
  assert.deepEqual(applyChange(config, { listen: null, incoming: "/x" }), { name: "laptop", incoming: "/x" });
});

test("a file that was edited into something else is refused in one line, with what to do", async () => {
  for (const text of ["{", "[]x", '{"listen":1}', '{"listne":[]}', '{"name":null}', "\u0000"]) {
    await writeFile(home.config, text);
    await assert.rejects(readConfig(home), (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, "bad-argument", text);
      assert.match(error.message, /config\.json is not understood/);
      assert.match(error.hint, /covey up/);
      return true;
    });
  }
  await chmod(home.config, 0o666);
  await assert.rejects(readConfig(home), { code: "home-unsafe" });
});

test("what would change the process, or weaken its TLS, is not handed on", () => {
  const env = {
    PATH: "/bin",
    NODE_OPTIONS: "--require=x",
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    SSLKEYLOGFILE: "/tmp/keys",
    NODE_EXTRA_CA_CERTS: "x",
  };
  assert.deepEqual(cleanEnvironment(env), { PATH: "/bin" });
});
