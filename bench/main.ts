// `npm run bench [PART…]`: measures covey beside its peers in one run and writes docs/benchmarks.md (a whole run only).

import { writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";

import { benchDaemon } from "./daemon.ts";
import { benchData } from "./data.ts";
import { benchFiles } from "./files.ts";
import { benchGateway } from "./gateway.ts";
import type { Row } from "./row.ts";

import { benchYamux } from "./session-yamux.ts";
import { benchStore } from "./store.ts";
import { benchTrees } from "./trees.ts";

const PARTS: Readonly<Record<string, { readonly title: string; run(): Promise<readonly Row[]> }>> = {
  session: { title: "Sessions", run: benchYamux },
  files: { title: "Files", run: benchFiles },
  trees: { title: "Directories and listings", run: benchTrees },
  store: { title: "Store", run: benchStore },
  data: { title: "Messages and data", run: benchData },
  gateway: { title: "Serving plain programs", run: benchGateway },
  daemon: { title: "Daemon and command line", run: benchDaemon },
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  console.error(`bench: no part "${unknown}"; there are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}

const format = (value: number): string =>
  value.toLocaleString("en", value < 1000 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });

const sections: string[] = [];
for (const [name, part] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`bench: ${part.title}`);
  const rows = await part.run();
  const lines = rows.map((row) => `| ${row.name} | ${format(row.value)} ${row.unit} | ${row.bar ?? ""} | ${row.note ?? ""} |`);
  sections.push(
    [
      `## ${part.title}`,
      "",
      `\`npm run bench ${name}\``,
      "",
      "| what | measured | wanted | how |",
      "|---|---|---|---|",
      ...lines,
      "",
    ].join("\n"),
  );
  console.log(sections.at(-1));
}

if (wanted.length === 0) {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`;
  const head = `# Benchmarks\n\n\`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${machine}.\nRatios are of one run, since machines drift; absolute figures are of this machine only.\n`;
  await writeFile(new URL("../docs/benchmarks.md", import.meta.url), `${head}\n${sections.join("\n")}`);
}
