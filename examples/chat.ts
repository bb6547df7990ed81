// A chat in the terminal with a paired peer, `node examples/chat.ts NAME`: each line is sent, Ctrl-D ends it.

import { createInterface } from "node:readline";

import { connect, CoveyError, type Message, type PeerHandle, printable } from "../src/index.ts";

/** Sends the lines, and shows what the peer says; first what nobody has read yet. Ends with the lines. */
export async function chat(peer: PeerHandle, lines: AsyncIterable<string>, show: (line: string) => void): Promise<void> {
  const ending = new AbortController();
  const listening = listen(peer, show, ending.signal);
  try {
    await Promise.race([listening, talk(peer, lines)]);
  } finally {
    ending.abort();
    await Promise.allSettled([listening]);
  }
}

async function talk(peer: PeerHandle, lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) if (line.trim() !== "") await peer.message(line);
}

async function listen(peer: PeerHandle, show: (line: string) => void, signal: AbortSignal): Promise<void> {
  const shown = new Set<string>();
  const tell = async ({ id, from, with: other, text }: Message): Promise<void> => {
    if (from !== other || shown.has(id)) return;
    show(`${peer.name}: ${printable(text)}`);
    shown.add(id);
    await peer.markRead({ shown: [id] });
  };
  for await (const event of peer.watchMessages({ signal })) {
    // The watch has begun: what is unread is all that came before, and perhaps some of what it will tell.
    if (event.type === "now") for (const message of await peer.unread({ signal })) await tell(message);
    if (event.type === "message") await tell(event.message);
  }
}

async function main(name = ""): Promise<void> {
  await using me = await connect();
  const peer = me.peer(name);
  const { session } = await peer.show();
  console.log(session === undefined ? `${name} is away: what you write waits` : `${name} is there`);
  using lines = createInterface({ input: process.stdin });
  await chat(peer, lines, console.log);
}

if (import.meta.main) {
  await main(process.argv[2]).catch((error: unknown) => {
    if (!(error instanceof CoveyError)) throw error;
    console.error(error.message, error.hint ?? "");
    process.exitCode = error.exitCode;
  });
}
