import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import {
  isUrl,
  parseCount,
  parseDuration,
  parseGuest,
  parseList,
  parseListen,
  parseOffer,
  parsePath,
  parsePeerArgument,
  parsePlace,
  parsePort,
  parseRemotePath,
  parseServing,
  parseSize,
  parseUrl,
  parseValue,
  parseWait,
} from "./grammar.ts";

const refused = { code: "bad-argument" };

test("NAME:WHAT: what is here is bare, what is elsewhere has a name", () => {
  assert.deepEqual(parsePlace("todo/1"), { name: undefined, what: "todo/1" });
  assert.deepEqual(parsePlace(""), { name: undefined, what: "" });
  assert.deepEqual(parsePlace("laptop:todo/1"), { name: "laptop", what: "todo/1" });
  assert.deepEqual(parsePlace("laptop:"), { name: "laptop", what: "" });
  assert.deepEqual(parsePlace("self:a:b"), { name: "self", what: "a:b" });
  assert.deepEqual(parsePlace("büro:größe"), { name: "büro", what: "größe" });
  for (const text of [":todo", ":", "http://x/y", "tcp://localhost:1"]) assert.throws(() => parsePlace(text), refused, text);
});

test("where only a peer makes sense the colon may be left out", () => {
  assert.equal(parsePeerArgument("laptop"), "laptop");
  assert.equal(parsePeerArgument("laptop:"), "laptop");
  for (const text of ["", ":", "laptop:/tmp", "laptop::", "http://x"])
    assert.throws(() => parsePeerArgument(text), refused, text);
});

test("URLs stand for plain programs, where they make sense", () => {
  assert.equal(parseUrl("tcp://localhost:5000", "tcp"), "tcp://localhost:5000");
  assert.equal(parseUrl("HTTP://host/a%20b", "http"), "http://host/a%20b");
  for (const text of ["tcp://x", "http://x:1/y:z", "X+y-z.1://"]) assert.equal(isUrl(text), true, text);
  for (const text of ["laptop", "laptop:", "laptop:/x", "laptop:a//b", "1://", "a b://c", "self:http://x"])
    assert.equal(isUrl(text), false, text);
  const hints: readonly (readonly [text: string, scheme: "tcp" | "http", hint: RegExp])[] = [
    ["laptop:", "tcp", /tcp:\/\/HOST:PORT/],
    ["http://x/", "tcp", /covey get/],
    ["tcp://x:1", "http", /covey pipe/],
    ["https://x/", "http", /curl/],
    ["ftp://x/", "http", /tcp:\/\/ and http:\/\//],
  ];
  for (const [text, scheme, hint] of hints) assert.throws(() => parseUrl(text, scheme), { code: "bad-argument", hint }, text);
  for (const parse of [parsePlace, parsePeerArgument, parseRemotePath])
    assert.throws(() => parse("tcp://x:1"), { code: "bad-argument", message: /is a URL/, hint: /take tcp:\/\// });
});

test("a guest's name; a list with commas", () => {
  assert.deepEqual(["guest-3", "guest-12:", "guest", "guest-", "guest-03", "guest-0", "xguest-3", "guest-3x"].map(parseGuest), [
    ...["guest-3", "guest-12"],
    ...[undefined, undefined, undefined, undefined, undefined, undefined],
  ]);
  assert.deepEqual(["", "a", "a,b", "a,", ","].map(parseList), [[], ["a"], ["a", "b"], ["a", ""], ["", ""]]);
});

test("one address to listen at: with a host, on every interface, or on this machine", () => {
  const table: readonly (readonly [string, string])[] = [
    ["tcp://127.0.0.1:80", "tcp://127.0.0.1:80"],
    ["TCP://[::1]:0", "tcp://[::1]:0"],
    ["localhost:80", "tcp://localhost:80"],
    ["[fd00::1]:80", "tcp://[fd00::1]:80"],
    ["*:80", "tcp://*:80"],
    [":80", "tcp://*:80"],
    ["tcp://:0", "tcp://*:0"],
    ["8000", "tcp://127.0.0.1:8000"],
    ["0", "tcp://127.0.0.1:0"],
  ];
  for (const [text, address] of table) assert.equal(parsePort(text), address);
  for (const text of ["", "x", "none", "default", "x:", ":", "http://x:80", "65536", ":99999", "::1:80", "a b:80", "-1", "x:80/"])
    assert.throws(() => parsePort(text), refused, text);
});

test("how many", () => {
  assert.deepEqual(["1", "16", "512"].map(parseCount), [1, 16, 512]);
  for (const text of ["", "0", "-1", "1.5", "x", "01", "1e3", "9".repeat(12)])
    assert.throws(() => parseCount(text), refused, text);
});

test("durations", () => {
  const table: readonly (readonly [string, number])[] = [
    ["90", 90_000],
    ["1.5", 1500],
    ["500ms", 500],
    ["90s", 90_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["3d", 259_200_000],
    ["0.5h", 1_800_000],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, text);
  for (const text of ["", "0", "0s", "-1s", "3x", "s", "1h 30m", "1e3", "h1", "30m1", "99999999d"]) {
    assert.throws(() => parseDuration(text), refused, text);
  }
  assert.equal(parseDuration("400d"), 34_560_000_000);
  assert.equal(parseWait("24d"), 2_073_600_000);
  assert.throws(() => parseWait("25d"), { ...refused, hint: /24 days/ });
});

test("sizes, in powers of 1024 however they are written", () => {
  const table: readonly (readonly [string, number])[] = [
    ["0", 0],
    ["512", 512],
    ["512B", 512],
    ["1K", 1024],
    ["500M", 524_288_000],
    ["2GiB", 2_147_483_648],
    ["1.5 GB", 1_610_612_736],
    ["8tib", 8_796_093_022_208],
  ];
  for (const [text, bytes] of table) assert.equal(parseSize(text), bytes, text);
  for (const text of ["", "-1", "1x", "M", "1 000", "1e3", "2GiBB", "1iB", "9999999999T", "1.", "NaN"])
    assert.throws(() => parseSize(text), refused, text);
});

test("NAME:PATH, of a thing that a peer shares", () => {
  assert.deepEqual(parseRemotePath("laptop:dist/docs/"), { name: "laptop", path: "dist/docs" });
  assert.deepEqual(parseRemotePath("laptop:a:b"), { name: "laptop", path: "a:b" });
  for (const text of ["laptop", "laptop:", "laptop:/", "dist/docs", ":dist", "http://x/y"])
    assert.throws(() => parseRemotePath(text), refused, text);
});

test("addresses to listen at: a scheme may be left out, none is nowhere", () => {
  assert.deepEqual(parseListen(["127.0.0.1:0"]), ["tcp://127.0.0.1:0"]);
  assert.deepEqual(parseListen(["tcp://*:4747", "tcp://[::1]:4747"]), ["tcp://*:4747", "tcp://[::1]:4747"]);
  assert.deepEqual(parseListen(["none"]), []);
  assert.equal(parseListen(["default"]), null);
  for (const text of ["", "4747", "host", "host:", "host:x", "a b:1", "tcp://:1", "tcp://h:1/x", "none:"]) {
    assert.throws(() => parseListen([text]), refused, text);
  }
});

test("a value is JSON if it parses as JSON, else text", () => {
  assert.deepEqual(parseValue('{"milk":1}'), { milk: 1 });
  assert.equal(parseValue("12"), 12);
  assert.equal(parseValue("null"), null);
  assert.equal(parseValue('"12"'), "12");
  assert.equal(parseValue("hello world"), "hello world");
  assert.equal(parseValue("{milk}"), "{milk}");
  assert.equal(parseValue(""), "");
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(parseValue(JSON.stringify(value)), JSON.parse(JSON.stringify(value))),
    ),
  );
});

test("offers by number or id, paths made absolute", () => {
  assert.equal(parseOffer("3"), "3");
  assert.equal(parseOffer("#3"), "3");
  assert.equal(parseOffer("ab12"), "ab12");
  assert.equal(parseServing("#3"), "3");
  for (const parse of [parseOffer, parseServing])
    for (const text of ["", "#", "-1", "../3", "3 4"]) assert.throws(() => parse(text), refused, text);
  assert.equal(parsePath("x"), resolve("x"));
  assert.equal(parsePath("/x/../y"), "/y");
  assert.throws(() => parsePath(""), refused);
});

test("no text makes a parser fail in any other way than bad-argument", () => {
  const parsers = [
    parsePlace,
    parseRemotePath,
    parsePeerArgument,
    parseDuration,
    parseWait,
    parseSize,
    parseOffer,
    parseServing,
    parsePort,
    parseCount,
    parseGuest,
    parseList,
    (text: string) => parseUrl(text, "tcp"),
    (text: string) => parseUrl(text, "http"),
    (text: string) => parseListen([text]),
  ];
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const parser of parsers) {
        try {
          parser(text);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "bad-argument");
        }
      }
    }),
  );
});
