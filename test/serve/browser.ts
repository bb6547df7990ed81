// A real Chromium for tests. Its package is unpacked once into a directory of its own, for all tests and runs: a test file that comes
// while another one unpacks makes its own copy, and whichever is ready first stays.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import sparticuz from "@sparticuz/chromium";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const CACHE = join(import.meta.dirname, "../../node_modules/.cache");

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

/** A browser that is running, or why there can be none here. The caller closes it. `args`: further switches of Chromium's. */
export async function launchBrowser(args: readonly string[] = []): Promise<Browser | string> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `no Chromium is packaged for ${process.platform} ${process.arch}`;
  try {
    const directory = await unpacked();
    return await chromium.launch({
      executablePath: join(directory, "chromium"),
      // The switches that the package recommends turn site isolation and web security off.
      args: ["--no-sandbox", ...args],
      env: { ...process.env, FONTCONFIG_FILE: join(directory, "fonts.conf") },
    });
  } catch (error) {
    return `Chromium does not start here: ${(error as Error).message.split("\n")[0]}`;
  }
}

async function unpacked(): Promise<string> {
  const about = fileURLToPath(new URL("../package.json", import.meta.resolve("@sparticuz/chromium")));
  const { version } = JSON.parse(await readFile(about, "utf8")) as { version: string };
  const directory = join(CACHE, `chromium-${version}`);
  if (existsSync(directory)) return directory;
  await mkdir(CACHE, { recursive: true });
  const own = await mkdtemp(`${directory}-`);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = own;
  try {
    await sparticuz.executablePath();
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
  await writeFile(join(own, "fonts.conf"), fontsBeside(directory));
  await rename(own, directory).catch(() => rm(own, { recursive: true }));
  return directory;
}

/** Those of the package first, whatever the system has; its own file names directories of another machine. */
const fontsBeside = (directory: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${directory}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${directory}/fonts-cache</cachedir>
  <alias><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
</fontconfig>
`;

/** A page that remembers what went wrong on it: errors on its console, exceptions, and violations of the page's policy. */
export async function openPage(context: BrowserContext): Promise<{ readonly page: Page; readonly faults: readonly string[] }> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  return { page, faults };
}
