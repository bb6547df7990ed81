import assert from "node:assert/strict";
import test from "node:test";

import { LIMITS } from "../../core/limits.ts";
import { SendBuffers } from "./send-buffers.ts";

const { gatewayBlockBytes: large, gatewaySlowBlockBytes: small, gatewaySendBytes: most } = LIMITS;

test("large blocks while there is room for them, small ones beyond it and for who is slow", () => {
  const buffers = new SendBuffers();
  assert.equal(buffers.inUse, false);
  assert.equal(buffers.take(most, false).length, small);
  const taken = Array.from({ length: most / large }, () => buffers.take(most, true));
  assert.ok(taken.every(({ length }) => length === large));
  assert.equal(buffers.take(most, true).length, small);
  buffers.give(taken[0]!);
  assert.equal(buffers.take(most, true).length, large);
  buffers.drop(taken[1]!);
  assert.equal(buffers.take(most, true).length, large);
  assert.equal(buffers.inUse, true);
});

test("what is given is used again, whole, and what is dropped is not", () => {
  const buffers = new SendBuffers();
  for (const size of [large, small]) {
    const first = buffers.take(size - 10, true);
    assert.equal(first.length, size - 10);
    buffers.give(first);
    const second = buffers.take(size, true);
    assert.equal(second.buffer, first.buffer);
    assert.equal(second.length, size);
    buffers.drop(second);
    const third = buffers.take(size, true);
    assert.notEqual(third.buffer, first.buffer);
    buffers.drop(third);
  }
  assert.equal(buffers.inUse, false);
});
