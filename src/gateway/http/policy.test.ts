import assert from "node:assert/strict";
import test from "node:test";

import { refusalOf } from "./policy.ts";

const OURS = ["localhost", "127.0.0.1", "[::1]", "192.0.2.7", "desk", "desk.local"];

interface Row {
  readonly method?: string;
  /** "Name: value". */
  readonly fields: readonly string[];
  readonly authority?: string;
  readonly port?: number;
  readonly knowsToken?: boolean;
}

function statusOf({ method = "GET", fields, authority, port = 8000, knowsToken = false }: Row): number {
  const pairs = fields.map((field): [string, string] => [field.split(": ")[0]!.toLowerCase(), field.split(": ")[1] ?? ""]);
  const headers = Object.fromEntries(pairs.toReversed());
  const hosts = pairs.filter(([name]) => name === "host").length;
  const ours = { number: port, isOurHost: (host: string) => OURS.includes(host), knowsToken };
  return refusalOf({ method, headers, hosts, authority }, ours)?.status ?? 200;
}

const BROWSER = "User-Agent: Mozilla/5.0";
const OWN = "Host: localhost:8000";

test("a browser names this port by one of our hosts", () => {
  for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "192.0.2.7:8000", "desk:8000", "desk.local:8000"])
    assert.equal(statusOf({ fields: [BROWSER, `Host: ${host}`] }), 200, host);
  const others = ["evil.example", "evil.example:8000", "127.0.0.1.evil.example:8000", "localhost.:8000", "LOCALHOST:8000"];
  const disguised = ["0.0.0.0:8000", "2130706433:8000", "0x7f.1:8000", "0177.0.0.1:8000", "127.1:8000", "[::]:8000", "::1:8000"];
  const odd = [
    "localhost",
    "localhost:80",
    "localhost:8001",
    "localhost:08000",
    "localhost:8000@evil.example",
    "u@localhost:8000",
  ];
  const broken = ["", ":8000", "localhost:", "localhost:8000/", "localhost :8000", "localhost:8000, evil.example", "[::1:8000"];
  for (const host of [...others, ...disguised, ...odd, ...broken])
    assert.equal(statusOf({ fields: [BROWSER, `Host: ${host}`] }), 421, host);
  assert.equal(statusOf({ fields: [BROWSER] }), 400);
});

test("on port 80 browsers leave the port out", () => {
  assert.equal(statusOf({ fields: [BROWSER, "Host: desk"], port: 80 }), 200);
  assert.equal(statusOf({ fields: [BROWSER, "Host: evil.example"], port: 80 }), 421);
});

test("whatever a browser can't leave out makes one", () => {
  for (const field of ["User-Agent: ", "Origin: http://evil.example", "Sec-Fetch-Mode: cors", "Sec-Fetch-Whatever: x"])
    assert.equal(statusOf({ fields: [field, "Host: localhost"] }), 421, field);
});

test("programs without a browser's fields write what they like, but no name of somebody else's", () => {
  assert.equal(statusOf({ fields: [] }), 200);
  for (const host of ["localhost", "localhost:1234", "127.0.0.1", "192.0.2.7:80", "[::1]", "desk", "desk.local:80"])
    assert.equal(statusOf({ fields: [`Host: ${host}`] }), 200, host);
  for (const host of ["evil.example", "evil.example:8000", "198.51.100.1", "localhost.evil.example", ""])
    assert.equal(statusOf({ fields: [`Host: ${host}`] }), 421, host);
});

test("two hosts are none", () => {
  assert.equal(statusOf({ fields: [BROWSER, OWN, "Host: evil.example"] }), 400);
  assert.equal(statusOf({ fields: [OWN, OWN] }), 400);
  assert.equal(statusOf({ fields: [OWN, "Host: evil.example"], knowsToken: true }), 400);
});

test("a host in the target counts as much", () => {
  assert.equal(statusOf({ fields: [BROWSER, OWN], authority: "localhost:8000" }), 200);
  assert.equal(statusOf({ fields: [BROWSER, OWN], authority: "evil.example" }), 421);
  assert.equal(statusOf({ fields: [BROWSER, "Host: evil.example"], authority: "localhost:8000" }), 421);
  assert.equal(statusOf({ fields: [], authority: "evil.example" }), 421);
});

test("whoever knows the token may use any name", () => {
  assert.equal(statusOf({ fields: [BROWSER, "Host: files.example"], knowsToken: true }), 200);
  const post = { method: "POST", knowsToken: true };
  assert.equal(statusOf({ ...post, fields: [BROWSER, "Host: files.example", "Origin: http://files.example"] }), 200);
  assert.equal(statusOf({ ...post, fields: [BROWSER, "Host: files.example", "Origin: http://evil.example"] }), 403);
});

test("only a page from here, or no page, changes something", () => {
  const post = (...fields: readonly string[]): number => statusOf({ method: "POST", fields: [BROWSER, OWN, ...fields] });
  assert.equal(post(), 200);
  assert.equal(post("Origin: http://localhost:8000"), 200);
  assert.equal(post("Origin: http://localhost:8000", "Sec-Fetch-Site: same-origin"), 200);
  const elsewhere = ["null", "http://evil.example", "http://localhost", "http://localhost:8001", "https://localhost:8000"];
  for (const origin of [...elsewhere, "http://127.0.0.1:8000", "http://localhost:8000.evil.example", ""])
    assert.equal(post(`Origin: ${origin}`), 403, origin);
  for (const site of ["cross-site", "same-site", "none", "SAME-ORIGIN", ""])
    assert.equal(post(`Sec-Fetch-Site: ${site}`), 403, site);
  assert.equal(post("Origin: http://localhost:8000", "Sec-Fetch-Site: cross-site"), 403);
  // A name of theirs that leads here: origin and host agree, and are both wrong.
  assert.equal(
    statusOf({ method: "POST", fields: [BROWSER, "Host: evil.example:8000", "Origin: http://evil.example:8000"] }),
    421,
  );
  assert.equal(statusOf({ method: "POST", fields: ["Origin: http://localhost:8000"] }), 400);
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"])
    assert.equal(statusOf({ method, fields: [BROWSER, OWN, "Origin: http://evil.example"] }), 403, method);
});

test("another origin is another site, where nothing else says so", () => {
  const get = (origin: string, host = "192.0.2.7:8000"): number =>
    statusOf({ fields: [BROWSER, `Host: ${host}`, `Origin: ${origin}`] });
  assert.equal(get("http://192.0.2.7:8000"), 200);
  for (const origin of ["http://evil.example", "null", "", "http://192.0.2.7", "http://192.0.2.7:8001", "https://192.0.2.7:8000"])
    assert.equal(get(origin), 403, origin);
  assert.equal(statusOf({ fields: ["Origin: http://evil.example"], knowsToken: true }), 403);
});

test("another site may link to this, and neither embed nor fetch it", () => {
  const get = (...fetch: readonly string[]): number =>
    statusOf({ fields: [BROWSER, OWN, ...fetch.map((field) => `Sec-Fetch-${field}`)] });
  assert.equal(get("Site: cross-site", "Mode: navigate", "Dest: document"), 200);
  assert.equal(get("Site: none", "Mode: navigate", "Dest: document"), 200);
  assert.equal(get("Site: same-origin", "Mode: no-cors", "Dest: image"), 200);
  for (const site of ["cross-site", "same-site"]) {
    assert.equal(get(`Site: ${site}`, "Mode: no-cors", "Dest: image"), 403);
    assert.equal(get(`Site: ${site}`, "Mode: cors", "Dest: empty"), 403);
    assert.equal(get(`Site: ${site}`, "Mode: navigate", "Dest: iframe"), 403);
    assert.equal(get(`Site: ${site}`, "Mode: navigate", "Dest: object"), 403);
    assert.equal(get(`Site: ${site}`), 403);
  }
});
