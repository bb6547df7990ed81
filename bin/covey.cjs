#!/usr/bin/env node
// CommonJS: any Node from 12 on reads this file, so that one that is too old can say so.

if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write("covey: needs Node 24 or later, and this is Node " + process.versions.node + ": see https://nodejs.org\n");
  process.exitCode = 1;
} else {
  void import("../dist/cli/main.js");
}
