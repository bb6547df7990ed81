import assert from "node:assert/strict";
import test from "node:test";

import { prefers, wantsPage } from "./accept.ts";

const wantsJson = (accept: string | undefined): boolean => prefers(accept, "application/json", ["text/html"]);

test("JSON is for those who name it before HTML", () => {
  for (const accept of [
    "application/json",
    "Application/JSON; q=0.5",
    "text/html;q=0.5, application/json",
    "application/json, */*",
  ])
    assert.equal(wantsJson(accept), true, accept);
  const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  for (const accept of [
    undefined,
    "",
    "*/*",
    browser,
    "text/html, application/json",
    "application/json;q=0",
    "application/json;q=x",
  ])
    assert.equal(wantsJson(accept), false, accept);
});

test("a page is for those who name it", () => {
  assert.equal(wantsPage("text/html,*/*;q=0.8"), true);
  for (const accept of [undefined, "*/*", "application/json", "text/html;q=0"]) assert.equal(wantsPage(accept), false, accept);
});
