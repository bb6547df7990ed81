import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { commandOf } from "./commands.ts";

test("commands are written exactly so; all else is a message", () => {
  assert.deepEqual(commandOf("get_data"), { type: "get" });
  assert.deepEqual(commandOf("quit"), { type: "quit" });
  assert.deepEqual(commandOf(""), { type: "nothing" });
  for (const text of ["GET_DATA", "get_data ", " quit", "get_data,a", "quit,", "update_database,a", "update_data a", "\0", " "])
    assert.deepEqual(commandOf(text), { type: "message", text });
});

test("what comes behind update_data are the values, as they are; none make it empty", () => {
  const valuesOf = (text: string): unknown => {
    const command = commandOf(text);
    return command.type === "update" && command.values;
  };
  assert.deepEqual(valuesOf("update_data"), []);
  assert.deepEqual(valuesOf("update_data,"), []);
  assert.deepEqual(valuesOf("update_data,,"), ["", ""]);
  assert.deepEqual(valuesOf("update_data, a,b "), [" a", "b "]);
  const value = fc.string({ unit: "grapheme" }).filter((text) => !text.includes(","));
  const lists = fc.array(value).filter((values) => values.join() !== "" || values.length === 0);
  fc.assert(fc.property(lists, (values) => assert.deepEqual(valuesOf(`update_data,${values.join(",")}`), values)));
});
