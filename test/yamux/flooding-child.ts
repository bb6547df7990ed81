// A process that sends on one stream without end: node flooding-child.ts PORT. cuts.test.ts kills it.

import { connect } from "node:net";

import { createYamux } from "../../src/session/yamux/yamux.ts";

const socket = connect({ port: Number(process.argv[2]), host: "127.0.0.1" });
const stream = createYamux(socket, { dialled: true, onStream: (stream) => stream.reset() }).open();
for (;;) await stream.write(Buffer.alloc(64 * 1024));
