import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import test from "node:test";

import { conditionOf, formatDate, httpSeconds, isStillPart, namesTag } from "./conditions.ts";

const AT = Date.UTC(2026, 10, 20, 12, 0, 0) / 1000;
const FILE = { tags: ['"b3-aa"', '"v-bb"'], modified: AT };
const NOW = formatDate(AT);
const BEFORE = formatDate(AT - 1);
const AFTER = formatDate(AT + 1);

const ROWS: readonly (readonly [headers: IncomingHttpHeaders, status: 304 | 412 | undefined])[] = [
  [{}, undefined],
  [{ "if-none-match": '"b3-aa"' }, 304],
  [{ "if-none-match": '"v-bb"' }, 304],
  [{ "if-none-match": 'W/"b3-aa"' }, 304],
  [{ "if-none-match": '"x", "b3-aa" , "y"' }, 304],
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": '"b3-ab"' }, undefined],
  [{ "if-none-match": "b3-aa" }, undefined],
  [{ "if-none-match": "" }, undefined],
  [{ "if-modified-since": NOW }, 304],
  [{ "if-modified-since": AFTER }, 304],
  [{ "if-modified-since": BEFORE }, undefined],
  [{ "if-modified-since": "Friday, 20-Nov-26 12:00:00 GMT" }, 304],
  [{ "if-modified-since": "Fri Nov 20 12:00:00 2026" }, 304],
  [{ "if-modified-since": "Fri Nov 20 11:59:59 2026" }, undefined],
  [{ "if-modified-since": "yesterday" }, undefined],
  [{ "if-modified-since": "2099-01-01" }, undefined],
  [{ "if-modified-since": "4102444800000" }, undefined],
  // The tag decides where there is one.
  [{ "if-none-match": '"x"', "if-modified-since": NOW }, undefined],
  [{ "if-none-match": '"b3-aa"', "if-modified-since": BEFORE }, 304],
  [{ "if-match": '"b3-aa"' }, undefined],
  [{ "if-match": "*" }, undefined],
  [{ "if-match": '"x"' }, 412],
  [{ "if-match": 'W/"b3-aa"' }, 412],
  [{ "if-unmodified-since": NOW }, undefined],
  [{ "if-unmodified-since": BEFORE }, 412],
  [{ "if-match": '"b3-aa"', "if-unmodified-since": BEFORE }, undefined],
];

for (const [headers, status] of ROWS)
  test(`${JSON.stringify(headers)} is ${status ?? "met"}`, () => {
    assert.equal(conditionOf(headers, FILE), status);
  });

test("a file without a time that could be told has no dates to compare", () => {
  const file = { tags: FILE.tags, modified: undefined };
  assert.equal(conditionOf({ "if-modified-since": AFTER }, file), undefined);
  assert.equal(conditionOf({ "if-unmodified-since": BEFORE }, file), undefined);
});

test("a part is still one by its very tag, and by no date", () => {
  assert.equal(isStillPart({}, FILE), true);
  for (const field of ['"b3-aa"', '"v-bb"']) assert.equal(isStillPart({ "if-range": field }, FILE), true, field);
  for (const field of ['"x"', 'W/"b3-aa"', NOW, BEFORE, AFTER, "", "x", '"b3-aa", "v-bb"'])
    assert.equal(isStillPart({ "if-range": field }, FILE), false, field);
});

test("whether a condition names a hash", () => {
  assert.equal(namesTag({ "if-range": '"b3-cc"' }, '"b3-'), true);
  assert.equal(namesTag({ "if-none-match": 'W/"v-1", W/"b3-2"' }, '"b3-'), true);
  assert.equal(namesTag({ "if-none-match": '"v-1"', "if-range": NOW }, '"b3-'), false);
});

test("times that HTTP has no word for are not told", () => {
  assert.equal(httpSeconds(1999, 5000), 1);
  assert.equal(httpSeconds(-1, 5000), undefined);
  assert.equal(httpSeconds(5001, 5000), undefined);
});
