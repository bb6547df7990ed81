// A peer in a process of its own, to be killed: `child.ts HOME LISTEN COUNT` sets COUNT keys in batches, and writes a line for each
// batch that is durable. It stays until it is killed.

import { writeSync } from "node:fs";

import { tcpTransport } from "../../src/transport/tcp.ts";
import { openTestPeer } from "./peers.ts";

const [dir, listen, count, round] = process.argv.slice(2) as [string, string, string, string];
const peer = await openTestPeer(dir, { transport: tcpTransport, listen });
const other = peer.book.list()[0]!.peerId;
const space = await peer.store.direct(other);
writeSync(1, "up\n");
for (let i = 0; i < Number(count); i++) {
  const items = Array.from({ length: 100 }, (_, k) => ({ key: `child/${round}/${i}/${k}`, value: i }));
  await peer.data.setMany(space, items);
  writeSync(1, `child/${round}/${i}/\n`);
}
setInterval(() => {}, 1000);
