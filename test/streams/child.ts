// A program beside a daemon for killed.test.ts: takes or opens a stream, writes on it without end, and says when bytes have come back.

import { connect } from "../../src/control/connect.ts";
import type { ByteStream } from "../../src/control/streams/contract.ts";

const [home, what] = process.argv.slice(2) as [string, "takes" | "opens"];

async function work(stream: ByteStream): Promise<void> {
  await stream.write(Buffer.from("here"));
  await stream.read();
  process.send!("moving");
  for (;;) await stream.write(Buffer.alloc(10_000));
}

const covey = await connect({ home });
if (what === "takes") {
  await covey.handle("work", {}, work);
  process.send!("ready");
} else {
  process.send!("ready");
  await work(await covey.peer("laptop").open("work"));
}
