import assert from "node:assert/strict";
import { test } from "node:test";

import { dialledAddress, hostPortOf, parseHttpUrl } from "./urls.ts";

test("an address to connect to is no address to listen on", () => {
  assert.deepEqual(dialledAddress("tcp://[::1]:80"), { host: "::1", port: 80 });
  for (const url of ["tcp://*:80", "tcp://127.0.0.1:0", "http://127.0.0.1:80", "tcp://a", ""])
    assert.throws(() => dialledAddress(url), { code: "bad-argument" }, url);
});

test("what has to be percent-encoded in a URL is made so, and what is, stays", () => {
  const paths = [
    ["http://h/a b.txt", "/a%20b.txt"],
    ["http://h/Käse/日本.txt", "/K%C3%A4se/%E6%97%A5%E6%9C%AC.txt"],
    ["http://h/%FF%2Fx", "/%FF%2Fx"],
    ["http://h", "/"],
    ["http://h/a?b=c d#e", "/a?b=c%20d"],
  ];
  for (const [text, path] of paths) {
    const url = parseHttpUrl(text!);
    assert.equal(url.pathname + url.search, path);
    assert.equal(url.hash, "");
  }
});

test("hosts and ports", () => {
  const of = (text: string) => hostPortOf(parseHttpUrl(text));
  assert.deepEqual(of("http://[::1]:8000/"), { host: "::1", port: 8000 });
  assert.deepEqual(of("http://[2001:db8::1]/"), { host: "2001:db8::1", port: 80 });
  assert.deepEqual(of("HTTP://Example.org/"), { host: "example.org", port: 80 });
  assert.deepEqual(of("http://bücher.example:1/"), { host: "xn--bcher-kva.example", port: 1 });
});

test("what is no plain address is refused, with what to do", () => {
  const bad = [
    "https://h/",
    "file:///etc/passwd",
    "ftp://h/",
    "javascript:x",
    "h/x",
    "",
    "http://",
    "http://a:b@h/",
    "http://a@h/",
    "http://h:0/",
    "http://h:70000/",
    "http://h/\r\nX: y",
    "http://h/a\tb",
    "http://h/\0",
  ];
  for (const text of bad) {
    const error = assertThrows(() => parseHttpUrl(text));
    assert.equal(error.code, "bad-argument", text);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    assert.ok(error.hint.length > 10);
  }
  assert.match(assertThrows(() => parseHttpUrl("https://h/")).hint, /browser.*curl/);
});

function assertThrows(work: () => unknown): { code: string; message: string; hint: string } {
  try {
    work();
  } catch (error) {
    return error as never;
  }
  return assert.fail("it was taken");
}
