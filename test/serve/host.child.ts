// A program that hosts its peer itself, for killed.test.ts: serves, says where, and stays until it is killed.

import { open } from "../../src/control/open.ts";

const covey = await open({ home: process.argv[2]!, name: "few", listen: [] });
const { serving } = await covey.serve({ reply: "still here", listen: "tcp://127.0.0.1:0", perAddress: 500 });
process.send!(serving);
setInterval(() => {}, 1000);
