import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { LIMITS } from "../../core/limits.ts";
import { type AnswerHead, parseHead, textOf } from "./head.ts";

const whole = (text: string) => parseHead(Buffer.from(text, "latin1"), false);
const head = (text: string): AnswerHead => {
  const parsed = whole(text);
  assert.ok(parsed?.head !== undefined, text);
  return parsed.head;
};

test("a head as servers of twenty lines write it", () => {
  const ways = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.0 200 OK\nContent-Length: 5\n\n",
    "HTTP/1.1 200 OK\nContent-Length: 5\r\n\n",
    "\nHTTP/1.1 200 OK\n    Content-Length: 5\n\n",
    "\r\n    HTTP/1.1 200 OK\r\n    content-length:5\r\n\r\n",
    "http/1.1  200  OK\r\nno field\r\n: none\r\nContent-Length : 5 \r\n\r\n",
  ];
  for (const text of ways) {
    const { status, reason, fields } = head(text);
    assert.deepEqual([status, reason, fields.get("content-length")], [200, "OK", "5"], JSON.stringify(text));
    assert.equal(whole(`${text}hello`)!.end, text.length);
  }
  assert.deepEqual(head("HTTP/1.1 200\r\n\r\n"), { status: 200, reason: "", fields: new Map() });
  assert.equal(head("HTTP/2 404 Not\u0007Found\n\n").reason, "Not\\u{7}Found");
});

test("what comes several times is joined; names of objects are just names", () => {
  const { fields } = head("HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n__proto__: 3\r\nconstructor: 4\r\n\r\n");
  assert.deepEqual(
    [...fields],
    [
      ["a", "1, 2"],
      ["__proto__", "3"],
      ["constructor", "4"],
    ],
  );
});

test("without a head all of it is the file", () => {
  for (const text of ["hello", "<html>", "HTTPS is", "\n\nhello", "HTTQ/", "\u0000"])
    assert.deepEqual(whole(text), { head: undefined, end: 0 }, text);
  assert.equal(whole("HT"), undefined);
  assert.equal(whole("\r\n"), undefined);
  assert.deepEqual(parseHead(Buffer.from("HT"), true), { head: undefined, end: 0 });
  assert.deepEqual(parseHead(Buffer.from("\r\n"), true), { head: undefined, end: 0 });
});

test("what begins as a head and is none is a fault", () => {
  for (const line of ["HTTP/1.1 OK", "HTTP/1.1", "HTTP/1.1 999 x", "HTTP/1.1 20 x", "HTTP/1.1 2000", "HTTP/x 200 OK"])
    assert.throws(() => whole(`${line}\r\n\r\n`), { code: "protocol" }, line);
});

test("a head without an end, or a line without one, is cut off at the limit", () => {
  const line = `X: ${"x".repeat(100)}\r\n`;
  const long = `HTTP/1.1 200 OK\r\n${line.repeat(Math.ceil(LIMITS.plainHeadBytes / line.length))}`;
  assert.throws(() => whole(long), { code: "protocol" });
  assert.throws(() => whole(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(LIMITS.plainHeadBytes)}`), { code: "protocol" });
  assert.equal(whole(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(1000)}`), undefined);
});

test("however it is cut, a head is the same; whatever comes, it is parsed, waited for or refused", () => {
  const text = "HTTP/1.1 206 Partial\r\nA: b\nC: d\r\n\r\n";
  for (let cut = 0; cut < text.length; cut++) assert.equal(whole(text.slice(0, cut)), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, ended) => {
      try {
        parseHead(Buffer.concat([Buffer.from("HTTP/1.1 2"), bytes]), ended);
        parseHead(Buffer.from(bytes), ended);
      } catch (error) {
        assert.equal((error as { code: unknown }).code, "protocol");
      }
    }),
  );
});

test("a field that was written as UTF-8 is read as that; other bytes stay Latin-1", () => {
  assert.equal(textOf(Buffer.from("Käse").toString("latin1")), "Käse");
  assert.equal(textOf("K\u00e4se"), "K\u00e4se");
  assert.equal(textOf("日本"), "日本");
  assert.equal(textOf("plain"), "plain");
});
