import assert from "node:assert/strict";
import { METHODS } from "node:http";
import { test } from "node:test";
import * as fc from "fast-check";

import { protocolOf } from "./first-bytes.ts";

const of = (text: string): string => protocolOf(Buffer.from(text, "latin1"));

test("a method in upper case and a space begin HTTP", () => {
  for (const method of METHODS) {
    assert.equal(of(`${method} `), "http");
    assert.equal(of(`${method} /photos HTTP/1.1\r\n`), "http");
    assert.equal(of(`${method.toLowerCase()} `), "text");
    assert.equal(of(`${method}\n`), "text");
    assert.equal(of(`${method}\t/`), "text");
    for (let cut = 0; cut <= method.length; cut++) assert.equal(of(method.slice(0, cut)), "undecided");
  }
});

test("everything else is text", () => {
  for (const text of [
    "get_data",
    "update_data,GET ",
    "quit",
    "Hello",
    " GET /",
    "\r\nGET /",
    "\0",
    "GETS",
    "G\n",
    "GE T ",
    "HTTP/1.1 200",
  ])
    assert.equal(of(text), "text", JSON.stringify(text));
  assert.equal(protocolOf(Buffer.from("grüße")), "text");
});

test("a TLS hello is known, and HTTP/2 is not taken for a message", () => {
  assert.equal(protocolOf(Buffer.from([0x16, 0x03, 0x01, 0x02])), "tls");
  assert.equal(protocolOf(Buffer.from([0x16])), "undecided");
  assert.equal(protocolOf(Buffer.from([0x16, 0x02])), "text");
  assert.equal(of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http");
});

test("however the bytes are cut, the first decision is the one that stays", () => {
  const beginning = fc.oneof(
    fc.constantFrom(...METHODS, "PRI", "get_data", "GETTING", "\x16\x03", "\x16"),
    fc.string({ unit: "binary-ascii", maxLength: 20 }),
  );
  fc.assert(
    fc.property(beginning, fc.string({ unit: "binary-ascii", maxLength: 20 }), (begin, rest) => {
      const whole = Buffer.from(begin + rest, "latin1");
      const decisions = Array.from({ length: whole.length + 1 }, (_, cut) => protocolOf(whole.subarray(0, cut)));
      const decided = decisions.findIndex((decision) => decision !== "undecided");
      assert.ok(decisions.slice(0, decided === -1 ? undefined : decided).every((decision) => decision === "undecided"));
      if (decided !== -1) assert.deepEqual(new Set(decisions.slice(decided)).size, 1);
      // Nothing longer than the longest method and its space is waited for.
      assert.ok(whole.length <= Math.max(...METHODS.map(({ length }) => length)) || decisions.at(-1) !== "undecided");
    }),
    { numRuns: 2000 },
  );
});
