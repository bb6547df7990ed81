// Downloads its first argument into the directory that is its second, and says how it went. With a third, a file in there: when that failed,
// says so, removes it, and downloads again.

import { rm } from "node:fs/promises";
import { join } from "node:path";

import { CoveyError } from "../../src/core/errors.ts";
import { plain } from "../../src/plain/plain.ts";

const [url, into, filler] = process.argv.slice(2) as [string, string, string?];
try {
  console.log(JSON.stringify(await plain.download(url, { into })));
} catch (error) {
  if (filler === undefined || !(error instanceof CoveyError)) throw error;
  console.log(error.code);
  await rm(join(into, filler));
  console.log(JSON.stringify(await plain.download(url, { into })));
}
