// Downloads its first argument into the directory that is its second, and says how it went.

import { plain } from "../../src/plain/plain.ts";

const [url, into] = process.argv.slice(2) as [string, string];
console.log(JSON.stringify(await plain.download(url, { into })));
