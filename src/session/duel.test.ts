import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { PeerId } from "../core/ids.ts";
import { type Contender, replaces } from "./duel.ts";

const [small, large] = ["aaa" as PeerId, "bbb" as PeerId];
const by = (diallerId: PeerId, dial: number, over = 0, boot = "1"): Contender => ({ diallerId, dial, over, boot });

test("dialled by both at once: the one of the smaller id stays, in whatever order they come up", () => {
  assert.equal(replaces(by(small, 1), by(large, 1)), true);
  assert.equal(replaces(by(large, 1), by(small, 1)), false);
});

test("of the same dialler, the later one", () => {
  assert.equal(replaces(by(large, 5), by(large, 4)), true);
  assert.equal(replaces(by(large, 4), by(large, 5)), false);
});

test("a new life of the other peer replaces the old one", () => {
  assert.equal(replaces(by(large, 1, 0, "2"), by(small, 9, 9, "1")), true);
});

test("who dials because the other's session was cut gets in, though only one side noticed the cut", () => {
  assert.equal(replaces(by(large, 2, 3), by(small, 3)), true);
  assert.equal(replaces(by(small, 3), by(large, 2, 3)), false);
  assert.equal(replaces(by(large, 2, 2), by(small, 3)), false);
});

test("within one life the winner does not depend on the order", () => {
  const contender = fc.record({
    diallerId: fc.constantFrom(small, large),
    dial: fc.integer({ min: 1, max: 6 }),
    over: fc.nat(6),
    boot: fc.constant("1"),
  });
  fc.assert(
    fc.property(contender, contender, (a, b) => {
      // Both cannot have been dialled after the other one was over.
      const impossible = a.diallerId !== b.diallerId && a.over >= b.dial && b.over >= a.dial;
      fc.pre(!impossible && !(a.diallerId === b.diallerId && a.dial === b.dial));
      assert.notEqual(replaces(a, b), replaces(b, a));
    }),
  );
});
