// A real Chromium for tests.

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import { unpackedChromium } from "../../tools/chromium.ts";

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

/** A browser that is running, or why there can be none here. The caller closes it. `args`: further switches of Chromium's. */
export async function launchBrowser(args: readonly string[] = []): Promise<Browser | string> {
  try {
    const packaged = await unpackedChromium();
    if (packaged === undefined) return `no Chromium is packaged for ${process.platform} ${process.arch}`;
    return await chromium.launch({
      executablePath: packaged.executable,
      // The switches that the package recommends turn site isolation and web security off.
      args: ["--no-sandbox", ...args],
      env: { ...process.env, FONTCONFIG_FILE: packaged.fonts },
    });
  } catch (error) {
    return `Chromium does not start here: ${(error as Error).message.split("\n")[0]}`;
  }
}

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
