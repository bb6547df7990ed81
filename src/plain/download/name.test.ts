import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHead } from "../http/head.ts";
import { parseHttpUrl } from "../urls.ts";
import { nameOf } from "./name.ts";

const named = (url: string, fields = "X: y"): string =>
  nameOf(parseHead(Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`), false)!.head, parseHttpUrl(url));
const disposed = (value: string): string => named("http://h/url.txt", `Content-Disposition: ${value}`);

test("the last part of the address, decoded and made safe", () => {
  assert.equal(named("http://h/a/b.txt?c=d"), "b.txt");
  assert.equal(named("http://h/K%C3%A4se%20%E2%82%AC.txt"), "Käse €.txt");
  assert.equal(named("http://h/..%2F..%2Fetc%2Fpasswd"), "___.._etc_passwd");
  assert.equal(named("http://h/%5C%00%0A.exe"), "___.exe");
  assert.equal(named("http://h/.bashrc"), "_bashrc");
  assert.equal(named("http://h/%FF"), "%FF");
  assert.equal(named("http://h/"), "download");
  assert.equal(named("http://h/dir/", "Content-Type: text/html; charset=utf-8"), "index.html");
  assert.equal(nameOf(undefined, parseHttpUrl("http://h/x")), "x");
});

test("what the server says goes before, as far as it is one name", () => {
  assert.equal(disposed('attachment; filename="a b.txt"'), "a b.txt");
  assert.equal(disposed("attachment; filename=a.txt"), "a.txt");
  assert.equal(disposed("attachment; filename=a b c.txt"), "a b c.txt");
  assert.equal(disposed("attachment; filename=\"x.txt\"; filename*=UTF-8''K%C3%A4se.txt"), "Käse.txt");
  assert.equal(disposed('inline; filename="Käse.txt"'), "Käse.txt");
  assert.equal(disposed('attachment; filename="/etc/passwd"'), "passwd");
  assert.equal(disposed('attachment; filename="..\\\\..\\\\evil.exe"'), "evil.exe");
  assert.equal(disposed('attachment; filename=".."'), "__");
  assert.equal(disposed("attachment; filename*=UTF-8''%2e%2e%2fx%00y"), "x_y");
});

test("what can't be read leaves the address", () => {
  for (const value of ["attachment", "attachment; filename=", ";;;", '"', "attachment; filename*=x"])
    assert.equal(disposed(value), "url.txt", value);
});
