// A peer in a process of its own, to be killed: `child.ts DIR LISTEN [PEER PATH]` opens the peer, offers the file if it has not yet,
// and says "up". Each line on stdin, "pause" and "resume" of its only transfer or an empty one, is answered by the transfers as JSON. It
// stays until it is killed.

import { createInterface } from "node:readline";

import type { Address, PeerId } from "../../src/core/ids.ts";
import { openFilesPeer } from "./peers.ts";

const [dir, listen, peer, path] = process.argv.slice(2) as [string, Address, PeerId | undefined, string | undefined];
const child = await openFilesPeer({ dir, listen });
if (peer !== undefined && path !== undefined && (await child.files.offers()).length === 0) await child.files.send(peer, [path]);
console.log("up");
for await (const line of createInterface({ input: process.stdin })) {
  const [offer] = await child.files.offers();
  if (offer !== undefined && (line === "pause" || line === "resume")) await child.files[line](offer.id);
  console.log(JSON.stringify(await child.files.transfers()));
}
