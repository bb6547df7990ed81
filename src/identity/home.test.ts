import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, chown, lchown, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";

import { CoveyError } from "../core/errors.ts";
import { homeAt } from "./home-names.ts";
import { openHome } from "./home.ts";

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "covey-home-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;

test("a home is made private, its parents as the umask says, and opened again", async (t) => {
  const dir = await directory(t);
  const before = process.umask(0);
  try {
    const home = await openHome(join(dir, "a", "b", "home"));
    assert.equal(home.dir, join(dir, "a", "b", "home"));
  } finally {
    process.umask(before);
  }
  assert.equal(await modeOf(join(dir, "a")), 0o777);
  assert.equal(await modeOf(join(dir, "a", "b", "home")), 0o700);
  assert.deepEqual(await openHome(join(dir, "a", "b", "home/")), homeAt(join(dir, "a", "b", "home")));
});

test("every name in a home is absolute, its own, and inside", () => {
  const { dir, ...files } = homeAt(relative(process.cwd(), "/some/home"));
  assert.equal(dir, "/some/home");
  const paths = Object.values(files);
  assert.equal(new Set(paths).size, paths.length);
  for (const path of paths) assert.ok(path.startsWith("/some/home/"), path);
});

test("a home that others can read or change is refused, and the hint mends it", async (t) => {
  const dir = join(await directory(t), "it's a home");
  for (const mode of [0o755, 0o750, 0o701, 0o722]) {
    await mkdir(dir);
    await chmod(dir, mode);
    const error: unknown = await openHome(dir).catch((refusal: unknown) => refusal);
    assert.ok(error instanceof CoveyError && error.code === "home-unsafe", String(error));
    assert.match(error.message, new RegExp(mode.toString(8)));
    execFileSync("sh", ["-c", error.hint!.replace(/^Run: /, "")]);
    await openHome(dir);
    await rm(dir, { recursive: true });
  }
});

test("a link, a file and another user's directory are refused", async (t) => {
  const dir = await directory(t);
  await mkdir(join(dir, "real"), { mode: 0o700 });
  await symlink("real", join(dir, "link"));
  await symlink("nowhere", join(dir, "dangling"));
  await writeFile(join(dir, "file"), "");
  await assert.rejects(openHome(join(dir, "link")), { code: "home-unsafe", message: /symbolic link/ });
  await assert.rejects(openHome(join(dir, "link/")), { code: "home-unsafe", message: /symbolic link/ });
  await assert.rejects(openHome(join(dir, "dangling")), { code: "home-unsafe", message: /symbolic link/ });
  await assert.rejects(openHome(join(dir, "file")), { code: "home-unsafe", message: /not a directory/ });
  await assert.rejects(openHome(join(dir, "file", "home")), { code: "conflict" });
  assert.deepEqual(await readdir(join(dir, "real")), []);
});

test(
  "another user's home is refused",
  { skip: process.geteuid!() === 0 ? false : "only root can give files away" },
  async (t) => {
    const dir = join(await directory(t), "home");
    await mkdir(dir, { mode: 0o700 });
    await chown(dir, 12345, 12345);
    await assert.rejects(openHome(dir), { code: "home-unsafe", message: /belongs to the user with id 12345/ });
    await rm(dir, { recursive: true });
    await symlink("/tmp", dir);
    await lchown(dir, 12345, 12345);
    await assert.rejects(openHome(dir), { code: "home-unsafe" });
  },
);
