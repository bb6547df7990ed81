// Sends what it reads to a port of this machine, and stays until it is killed.

import { connect } from "node:net";

process.stdin.pipe(connect(Number(process.argv[2]), "127.0.0.1"), { end: false });
