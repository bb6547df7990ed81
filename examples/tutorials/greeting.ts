// A server that greets and echoes: `node examples/tutorials/greeting.ts serve`, and over there `… greet NAME TEXT`. Ctrl-C ends it.
//
// With sockets: `bind`, `listen`, and for each `accept` a thread that sends a greeting and sends back what it reads, until `recv` is empty;
//   then `close`, and `SO_REUSEADDR` to be able to start again. An end and a cut look alike.
// With covey: a handler for the streams that peers open under a name.
// Gained: no address and no port; who opened it is known, and nobody else can; slow readers slow their writers down, not the
//   server; an end is an end, and everything else is an error.

import { once } from "node:events";

import { connect, type Covey, type PeerHandle, printable, type StreamRegistration } from "../../src/index.ts";

/** Resolves when it takes streams. */
export const serve = (me: Covey, show: (line: string) => void): Promise<StreamRegistration> =>
  me.handle("greeting", {}, async (stream, { peer }) => {
    show(`${peer} is here`);
    await stream.write(Buffer.from(`hello, ${peer}\n`));
    for await (const chunk of stream) await stream.write(chunk);
  });

/** What the server said. */
export async function greet(peer: PeerHandle, text: string): Promise<string> {
  await using stream = await peer.open("greeting");
  await stream.write(Buffer.from(text));
  await stream.end();
  return Buffer.concat(await Array.fromAsync(stream)).toString();
}

if (import.meta.main) {
  const [command, name = "", text = "nice to meet you"] = process.argv.slice(2);
  await using me = await connect();
  if (command === "greet") console.log((await greet(me.peer(name), text)).split("\n").map(printable).join("\n"));
  if (command === "serve") {
    await using service = await serve(me, console.log);
    console.log("serving");
    await Promise.race([once(process, "SIGINT"), service.closed]);
  }
}
