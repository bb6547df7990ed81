// Leaves behind what it is told to, and ends well.

import { openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const leave: Readonly<Record<string, () => void>> = {
  nothing: () => {},
  timer: () => void setTimeout(() => {}, 60_000).unref(),
  server: () => void createServer().listen(0, "127.0.0.1").unref(),
  descriptor: () => void openSync(import.meta.filename, "r"),
  listener: () => void process.on("SIGHUP", () => {}),
  warning: () => process.emitWarning("look out"),
  rejection: () => void Promise.reject(new Error("nobody cares")),
  file: () => writeFileSync(join(tmpdir(), "rest"), ""),
  here: () => writeFileSync("rest", ""),
};

leave[process.argv[2]!]!();
console.log(process.argv[2]);
