// A chat among several peers: `node examples/tutorials/group-chat.ts`, at each of them; each line goes to all, Ctrl-D ends it.
//
// With sockets: a server that keeps a list of clients, a thread or a `select` for each, and sends on to the others what one says. Without
//   the server nobody talks; a client that hangs holds up the rest; whoever joins with another's name is the other.
// With covey: there is no server. Each peer sends to those that it is paired with, and listens to each of them.
// Gained: names are the user's own and proven by keys; who is away gets the lines later; nobody waits for anybody.

import { createInterface } from "node:readline";

import { connect, type Covey, type PeerHandle, printable } from "../../src/index.ts";

/** Sends the lines to all peers, and shows theirs. Ends with the lines. */
export async function groupChat(me: Covey, lines: AsyncIterable<string>, show: (line: string) => void): Promise<void> {
  const peers = (await me.peers()).map(({ name }) => me.peer(name));
  show(`here: ${peers.map(({ name }) => name).join(", ")}`);
  const ending = new AbortController();
  const listening = peers.map((peer) => listen(peer, show, ending.signal));
  try {
    await Promise.race([talk(peers, lines), ...listening]);
  } finally {
    ending.abort();
    await Promise.allSettled(listening);
  }
}

async function talk(peers: readonly PeerHandle[], lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) if (line.trim() !== "") await Promise.all(peers.map((peer) => peer.message(line)));
}

async function listen(peer: PeerHandle, show: (line: string) => void, signal: AbortSignal): Promise<void> {
  for await (const event of peer.watchMessages({ signal })) {
    if (event.type !== "now" && event.type !== "message") continue;
    for (const { id, text } of await peer.unread({ signal })) {
      show(`${peer.name}: ${printable(text)}`);
      await peer.markRead({ shown: [id], signal });
    }
  }
}

if (import.meta.main) {
  await using me = await connect();
  using lines = createInterface({ input: process.stdin });
  await groupChat(me, lines, console.log);
}
