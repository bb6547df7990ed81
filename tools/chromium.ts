// The Chromium among the development packages, unpacked once into a directory of its own, for the demo and all tests: the package would unpack
// itself under a fixed name in the temporary directory, and take whatever is there for itself. Whoever comes while another one unpacks makes
// its own copy, and whichever is ready first stays. `node tools/chromium.ts` prints the path of its executable, or nothing where there is none.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const folder = join(root, "node_modules", "@sparticuz", "chromium");
const cache = join(root, "node_modules", ".cache");

export interface Chromium {
  readonly executable: string;
  /** For FONTCONFIG_FILE: the package's fonts first, whatever the system has. */
  readonly fonts: string;
}

/** Resolves to undefined when it is not installed, or made for another platform. */
export async function unpackedChromium(): Promise<Chromium | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64" || !existsSync(folder)) return undefined;
  const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string };
  const directory = join(cache, `chromium-${version}`);
  const chromium = { executable: join(directory, "chromium"), fonts: join(directory, "fonts.conf") };
  if (!existsSync(directory)) await unpack(directory);
  return chromium;
}

async function unpack(directory: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const own = await mkdtemp(`${directory}-`);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = own;
  try {
    const { default: packaged } = await import("@sparticuz/chromium");
    await packaged.executablePath();
    await writeFile(join(own, "fonts.conf"), fontsBeside(directory));
    await rename(own, directory);
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
}

/** Its own file names directories of another machine. */
const fontsBeside = (directory: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${directory}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${directory}/fonts-cache</cachedir>
  <alias><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
</fontconfig>
`;

if (import.meta.main) process.stdout.write((await unpackedChromium())?.executable ?? "");
