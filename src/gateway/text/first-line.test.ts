import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../core/limits.ts";
import { FirstLine } from "./first-line.ts";
import { Framing } from "./framing.ts";

/** Whether any message of these pieces, with pauses between them, is the browser's; and what was heard before. */
function heard(...pieces: readonly string[]): { readonly refused: boolean; readonly texts: readonly string[] } {
  const [framing, line] = [new Framing(), new FirstLine()];
  const texts: string[] = [];
  for (const piece of pieces) {
    framing.push(Buffer.from(piece, "latin1"));
    framing.pause();
    for (let message; (message = framing.next()) !== undefined && message !== "too-long";) {
      if (line.isOfBrowser(message)) return { refused: true, texts };
      texts.push(message.text);
    }
  }
  return { refused: false, texts };
}

test("a first line of HTTP is a browser's, whatever its method and wherever pauses cut it", () => {
  const request = "update_data,x /a HTTP/1.1\r\nHost: evil.example\r\n\r\nupdate_data,x\r\n";
  assert.deepEqual(heard(request), { refused: true, texts: [] });
  for (let at = 1; at < request.indexOf("\r"); at++)
    assert.deepEqual(heard(request.slice(0, at), request.slice(at)), { refused: true, texts: [request.slice(0, at)] });
  const byOne = heard(...request);
  assert.equal(byOne.refused, true);
  assert.equal(byOne.texts.join(""), "update_data,x /a HTTP/1.");
  const long = `EVIL /${"x".repeat(LIMITS.textMessageBytes - 100)} HTTP/1.1\n`;
  assert.equal(heard(long.slice(0, 10), long.slice(10)).refused, true);
  assert.equal(heard("x / HTTP/2.0").refused, true);
});

test("so is a hello of TLS", () => {
  assert.deepEqual(heard("\x16\x03\x01\x02\nupdate_data,x\n"), { refused: true, texts: [] });
});

test("everything else is somebody's", () => {
  for (const line of ["hello\n", "get_data\r\n", "\n", " GET / HTTP/1.1\r\n", "HTTP/1.1\n", "a HTTP/1.1 b\n", "\x16\n"])
    assert.equal(heard(line, "update_data,x\n").refused, false, line);
  assert.equal(heard("hello\n", "GET / HTTP/1.1\r\n").refused, false);
});
