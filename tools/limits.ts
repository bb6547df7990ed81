// Writes docs/limits.md from core/limits.ts: `node tools/run.mjs limits`. A test compares the two.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { LIMIT_TABLE } from "../src/core/limits.ts";

const HEAD = `# Limits

Everything that waits, queues or holds has a limit with a name. When one is reached, the error's code is \`limit\` or \`timeout\`
([errors](errors.md)), and what was there before is as it was. The numbers are those of \`src/core/limits.ts\`, from which this page is
written (\`node tools/run.mjs limits\`).

| limit | value | why |
|---|---|---|
`;

/** The whole page. */
export const limitsPage = (): string =>
  HEAD +
  Object.entries(LIMIT_TABLE)
    .map(([name, [value, unit, reason]]) => `| \`${name}\` | ${shown(value, unit)} | ${reason} |\n`)
    .join("");

/** 1048576 bytes as "1 MiB", 600000 ms as "10 min"; what is no round number of a larger unit stays as it is. */
function shown(value: number, unit: string): string {
  const larger: Readonly<Record<string, readonly (readonly [size: number, name: string])[]>> = {
    bytes: [
      [1024 ** 3, "GiB"],
      [1024 ** 2, "MiB"],
      [1024, "KiB"],
    ],
    ms: [
      [86_400_000, "d"],
      [3_600_000, "h"],
      [60_000, "min"],
      [1000, "s"],
    ],
  };
  const fit = larger[unit]?.find(([size]) => value >= size && value % size === 0);
  return fit === undefined ? `${value.toLocaleString("en")} ${unit}` : `${value / fit[0]} ${fit[1]}`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "..", "docs", "limits.md"), limitsPage());
