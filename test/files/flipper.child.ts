// Exchanges a name between a file (or directory) and a link, as fast as it can, until it is killed: `flipper.child.ts NAME KEPT LINK`.
// KEPT and LINK are the two things, beside NAME on the same disk. It says "up" first.

import { renameSync } from "node:fs";

const [name, kept, link] = process.argv.slice(2) as [string, string, string];
console.log("up");
for (;;) {
  renameSync(name, kept);
  renameSync(link, name);
  renameSync(name, link);
  renameSync(kept, name);
}
