// A listener and a client that exchange messages: `node examples/tutorials/exchange.ts listen NAME`, over there `… say NAME TEXT`.
//
// With sockets: `bind`, `listen`, `accept` and a loop of `recv` here, `connect` and `send` there. Both must run at the same time; bytes
//   have to be cut into messages; whoever finds the port can talk, and everybody on the way can read.
// With covey: a message to a peer by its name.
// Gained: it arrives whole, encrypted, and from whom it says; it waits, through restarts too, when the other side is away; its sender
//   knows when it was delivered, and when it was read.

import { connect, type PeerHandle, printable } from "../../src/index.ts";

/** Answers what the peer said and says, until it says "quit". */
export async function listen(peer: PeerHandle, show: (line: string) => void): Promise<void> {
  for await (const event of peer.watchMessages()) {
    // At the beginning: what came while nobody listened.
    if (event.type !== "now" && event.type !== "message") continue;
    for (const { id, text } of await peer.unread()) {
      show(`${peer.name} says: ${printable(text)}`);
      await peer.message(text === "quit" ? "goodbye" : `you said: ${text}`);
      await peer.markRead({ shown: [id] });
      if (text === "quit") return;
    }
  }
}

/** Says something, and waits for the answer. */
export async function say(peer: PeerHandle, text: string): Promise<string> {
  for await (const event of peer.watchMessages()) {
    if (event.type === "now") await peer.message(text);
    if (event.type !== "message" || event.message.from !== event.message.with) continue;
    await peer.markRead();
    return event.message.text;
  }
  throw new Error("a watch ends by a signal or an error");
}

if (import.meta.main) {
  const [command, name = "", text = "hello"] = process.argv.slice(2);
  await using me = await connect();
  if (command === "listen") await listen(me.peer(name), console.log);
  if (command === "say") console.log(printable(await say(me.peer(name), text)));
}
