import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { LIMITS } from "../../core/limits.ts";
import { ChunkedBody } from "./chunks.ts";
import { contentRangeOf, framingOf } from "./framing.ts";
import { parseHead } from "./head.ts";
import { requestHead } from "./request.ts";

const of = (fields: string) => parseHead(Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`, "latin1"), false)!.head!;

test("how the end of a body is known", () => {
  assert.deepEqual(framingOf(undefined), { by: "close" });
  assert.deepEqual(framingOf(of("X: y")), { by: "close" });
  assert.deepEqual(framingOf(of("Content-Length: 5")), { by: "length", length: 5 });
  assert.deepEqual(framingOf(of("Content-Length: 5\r\nContent-Length: 5")), { by: "length", length: 5 });
  assert.deepEqual(framingOf(of("Content-Length: many")), { by: "close" });
  assert.deepEqual(framingOf(of("Content-Length: -1")), { by: "close" });
  assert.deepEqual(framingOf(of("Content-Length: 5\r\nTransfer-Encoding: Chunked")), { by: "chunks" });
  for (const fields of [
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: gzip, chunked",
  ])
    assert.throws(() => framingOf(of(fields)), { code: "protocol" }, fields);
});

test("where a part begins", () => {
  const range = (value: string) => contentRangeOf(of(`Content-Range: ${value}`));
  assert.deepEqual(range("bytes 5-9/10"), { from: 5, size: 10 });
  assert.deepEqual(range("bytes 5-9/*"), { from: 5, size: undefined });
  for (const value of ["bytes 9-5/10", "bytes 5-10/10", "bytes */10", "items 1-2/3", "5-9/10", "bytes -5-9/10"])
    assert.equal(range(value), undefined, value);
});

test("chunks come out as they went in, wherever they are cut", () => {
  const text = "4;name=value\r\nWiki\r\n5\r\npedia\r\n00E\n in\r\n\r\nchunks.\n0\r\nTrailer: x\r\n\r\nbeyond";
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 80 }), (cuts) => {
      const chunks = new ChunkedBody();
      let out = "";
      let at = 0;
      for (const cut of [...cuts, text.length]) {
        for (const part of chunks.take(Buffer.from(text.slice(at, at + cut)))) out += part.toString();
        at += cut;
      }
      assert.equal(out, "Wikipedia in\r\n\r\nchunks.");
      assert.ok(chunks.isWhole);
    }),
  );
});

test("chunks that are none, or never end, are refused", () => {
  const refused = [
    "hello\r\n",
    "-5\r\n",
    "5 5\r\n",
    "0x5\r\n",
    "\r\n",
    "ffffffffffffffff\r\n",
    "1\r\nabc\r\n",
    `1;${"x".repeat(LIMITS.plainChunkLine)}`,
    `0\r\n${"X: y\r\n".repeat(Math.ceil(LIMITS.plainHeadBytes / 3))}`,
  ];
  for (const text of refused) {
    const chunks = new ChunkedBody();
    assert.throws(() => [...chunks.take(Buffer.from(text))], { code: "protocol" }, text.slice(0, 30));
    assert.ok(!chunks.isWhole);
  }
});

test("a request is one small head", () => {
  const text = requestHead(new URL("http://h:8000/a b?c"), { from: 7, validator: '"v"' }).toString("latin1");
  assert.match(text, /^GET \/a%20b\?c HTTP\/1\.1\r\nHost: h:8000\r\n/);
  assert.match(text, /\r\nRange: bytes=7-\r\nIf-Range: "v"\r\nConnection: close\r\n\r\n$/);
  assert.match(requestHead(new URL("http://[::1]:8000/")).toString(), /\r\nHost: \[::1\]:8000\r\n/);
  const url = (length: number) => new URL(`http://h/${"x".repeat(length)}`);
  const most = 1023 - requestHead(url(0)).length;
  assert.equal(requestHead(url(most)).length, 1023);
  assert.throws(() => requestHead(url(most + 1)), { code: "limit" });
  // Rather all of the file than no request.
  assert.equal(requestHead(url(most), { from: 7, validator: '"v"' }).length, 1023);
});
