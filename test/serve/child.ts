// A program beside a daemon, for killed.test.ts: serves what it is told to, says where, and stays until it is killed.

import { connect } from "../../src/control/connect.ts";
import type { ServeOptions } from "../../src/index.ts";

const [home, options] = process.argv.slice(2) as [string, string];

const covey = await connect({ home });
const { serving } = await covey.serve(JSON.parse(options) as ServeOptions);
process.send!(serving);
setInterval(() => {}, 1000);
