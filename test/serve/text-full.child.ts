// A peer in a process of its own, for text-full.test.ts, which fills its disk. Says its port; then, for each line that it is told, how long
// the messages are that it has.

import { createInterface } from "node:readline";

import { open } from "../../src/control/open.ts";
import { portOf } from "./kit.ts";

const covey = await open({ home: process.argv[2]!, name: "laptop", listen: ["tcp://127.0.0.1:0"] });
const { serving } = await covey.serve({ listen: "tcp://127.0.0.1:0", list: { key: "todo", writable: true } });
const say = (what: unknown): boolean => process.stdout.write(`${JSON.stringify(what)}\n`);
say(portOf(serving));
for await (const _ of createInterface(process.stdin))
  say((await covey.guestMessages({ limit: 1000 })).map(({ text }) => text.length));
await covey.close();
