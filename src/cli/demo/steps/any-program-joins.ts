// Programs that know nothing of covey: a script of a socket tutorial writes, the other peer has it, a browser there shows it.

import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";

import { toHex } from "../../../core/bytes.ts";
import { createHasher } from "../../../core/hash.ts";
import { printable } from "../../../core/text.ts";
import { findBrowser, textInBrowser } from "../browser.ts";
import { makeFile } from "../files.ts";
import type { Report } from "../report.ts";
import type { Stage, Step } from "../stage.ts";
import { until } from "../wait.ts";

const MiB = 1024 * 1024;
const LISTEN = "tcp://127.0.0.1:0";
const KEY = "groceries";

export const anyProgramJoins: Step = {
  title: "Any program can join",
  async run(stage, report) {
    const { laptop, desktop, signal } = stage;
    const coffee = `coffee-${randomInt(1000, 10_000)}`;
    report.does(
      `laptop serves the list ${KEY}, which it shares with desktop, to programs without covey; and its files. A script of four lines:`,
    );
    const directory = laptop.files;
    const hash = await makeFile(join(directory, "film.bin"), 8 * MiB);
    const list = { peer: "desktop", key: KEY, writable: true };
    await using here = await laptop.covey.serve({ directory, list, listen: LISTEN, signal });
    const { hostname, port } = new URL(here.serving.address!);
    const script = [
      `const socket = require("net").connect(${port}, "${hostname}")`,
      `socket.setEncoding("utf8")`,
      `socket.write("update_data,milk,bread,${coffee}")`,
      `socket.on("data", (answer) => { console.log(answer); socket.end() })`,
    ].join("\n");
    report.shows(script);
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { signal, timeout: 20_000 });
    report.checks(`it was told: ${printable(stdout.trim())}`, stdout.trim() === "update_ack");

    const data = desktop.covey.peer("laptop").data();
    const value = await until(`${KEY} reaches desktop`, async () => (await data.get(KEY, { signal }))?.value, signal);
    report.checks(
      `what it wrote is on desktop: ${printable(JSON.stringify(value))}`,
      JSON.stringify(value) === JSON.stringify(["milk", "bread", coffee]),
    );
    await showInBrowser(stage, report, coffee);

    report.does("Anybody with a browser or curl gets laptop's files.");
    const fetched = new Uint8Array(await (await fetch(new URL("film.bin", here.serving.urls[0]), { signal })).arrayBuffer());
    const hasher = createHasher();
    hasher.update(fetched);
    report.checks("8 MiB by plain HTTP, every byte the same", toHex(hasher.digest()) === hash);
  },
};

async function showInBrowser({ desktop, signal }: Stage, report: Report, wanted: string): Promise<void> {
  report.does("desktop serves that list too, as a page.");
  const list = { peer: "laptop", key: KEY };
  await using there = await desktop.covey.serve({ list, listen: LISTEN, signal });
  const url = there.serving.urls[0]!;
  const browser = findBrowser();
  let why = "there is no Chromium here";
  if (browser !== undefined) {
    try {
      const text = await textInBrowser(browser, url, signal);
      return report.checks(`a real browser, headless Chromium, shows it: ${wanted}`, text.includes(wanted));
    } catch (error) {
      signal.throwIfAborted();
      why = `the browser did not work here (${printable((error as Error).message)})`;
    }
  }
  const response = await fetch(url, { headers: { Accept: "text/html" }, signal });
  report.checks(`the page, asked for as browsers do, says ${wanted}; ${why}`, (await response.text()).includes(wanted));
}
