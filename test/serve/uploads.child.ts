// A program that takes uploads, for uploads.test.ts: says its port, and stays until its input ends.

import { open } from "../../src/control/open.ts";

const [home, incoming, directory] = process.argv.slice(2) as [string, string, string];

const covey = await open({ home, name: "taker", listen: [], incoming });
const { serving } = await covey.serve({ directory, upload: true, listen: "tcp://127.0.0.1:0" });
process.stdout.write(`${new URL(serving.address!).port}\n`);
process.stdin.resume();
process.stdin.once("end", () => void covey[Symbol.asyncDispose]());
