// A real browser, without a window, that is told over two pipes what to do: Chromium's DevTools protocol. Of that:
//
//   1. a browser is found, and started with a profile of its own, which goes with it
//   2. a page is opened, and its text read once it is loaded: what a person would see

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable, Writable } from "node:stream";

import * as v from "valibot";

import { untilAborted, withDeadline } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import { parse } from "../../core/parse.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const AT_MOST_MS = 20_000;

const message = v.object({
  id: v.exactOptional(v.number()),
  method: v.exactOptional(v.string()),
  result: v.exactOptional(v.unknown()),
  error: v.exactOptional(v.object({ message: v.string() })),
});
const opened = v.object({ targetId: v.string() });
const attached = v.object({ sessionId: v.string() });
const evaluated = v.object({ result: v.object({ value: v.string() }) });

/** The path of a browser: COVEY_BROWSER, or one that is installed under a usual name; undefined when there is none. */
export function findBrowser(): string | undefined {
  const told = process.env["COVEY_BROWSER"];
  if (told !== undefined && told !== "") return told;
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  return directories.flatMap((directory) => NAMES.map((name) => join(directory, name))).find((path) => existsSync(path));
}

/** What the browser shows of a page. Rejects when it can't be started or does not come to an end with it; nothing of it is left then either. */
export async function textInBrowser(browser: string, url: string, signal: AbortSignal): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), "covey-browser-"));
  // Chromium's sandbox does not work for root, which a container often is; the page is this machine's own.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-gpu"];
  const switches = ["--headless", "--remote-debugging-pipe", `--user-data-dir=${profile}`, ...sandbox, ...quiet];
  const child = spawn(browser, [...switches, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    // With the group of its own its helpers are ended with it.
    detached: true,
  });
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
  try {
    await once(child, "spawn");
    return await untilAborted(withDeadline(readPage(child, url), AT_MOST_MS, "the browser"), signal);
  } finally {
    endGroup(child);
    await gone;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function readPage(child: ChildProcess, url: string): Promise<string> {
  const devTools = new DevTools(child);
  const { targetId } = parse(opened, await devTools.call("Target.createTarget", { url: "about:blank" }), "a new page");
  const session = parse(attached, await devTools.call("Target.attachToTarget", { targetId, flatten: true }), "a page").sessionId;
  await devTools.call("Page.enable", {}, session);
  await Promise.all([devTools.event("Page.loadEventFired"), devTools.call("Page.navigate", { url }, session)]);
  const answer = await devTools.call("Runtime.evaluate", { expression: "document.body.innerText" }, session);
  return parse(evaluated, answer, "the text of the page").result.value;
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** JSON messages with a NUL byte after each: out on descriptor 3, in on descriptor 4. */
class DevTools {
  readonly #out: Writable;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #events = new Map<string, () => void>();
  /** Rejects when the browser has ended, or says what can't be understood. */
  readonly #over = Promise.withResolvers<never>();
  #lastId = 0;
  #received = "";

  constructor(child: ChildProcess) {
    const { stdio } = child;
    this.#over.promise.catch(() => {});
    child.once("exit", () => this.#over.reject(new CoveyError("closed", "the browser ended")));
    this.#out = stdio[3] as Writable;
    this.#out.on("error", () => {});
    (stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
      try {
        this.#receive(text);
      } catch {
        this.#over.reject(new CoveyError("protocol", "the browser says what is no DevTools protocol"));
      }
    });
  }

  call(method: string, params: object, sessionId?: string): Promise<unknown> {
    const id = ++this.#lastId;
    const call = Promise.withResolvers<unknown>();
    this.#calls.set(id, call);
    this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return Promise.race([call.promise, this.#over.promise]);
  }

  /** The next one of that name. */
  event(name: string): Promise<void> {
    return Promise.race([new Promise<void>((resolve) => this.#events.set(name, resolve)), this.#over.promise]);
  }

  #receive(text: string): void {
    const parts = (this.#received + text).split("\0");
    this.#received = parts.pop()!;
    for (const part of parts) {
      const { id, method, result, error } = parse(message, JSON.parse(part), "the browser");
      if (method !== undefined) this.#events.get(method)?.();
      if (id === undefined) continue;
      if (error === undefined) this.#calls.get(id)?.resolve(result);
      else this.#calls.get(id)?.reject(new CoveyError("protocol", `the browser says: ${error.message}`));
      this.#calls.delete(id);
    }
  }
}
