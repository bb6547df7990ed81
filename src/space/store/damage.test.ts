import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import type { SpaceId } from "../../core/ids.ts";
import { silentLog } from "../../core/log.ts";
import { pathOf } from "../path.ts";
import { newIdentity, temporaryDirectory, text } from "../test-kit.ts";
import type { Answer, CallName } from "./calls.ts";
import { Store } from "./store.ts";

const identity = newIdentity();
const open = (file: string): Store =>
  new Store({ file, peerId: identity.peerId, seed: identity.seed, nowMs: Date.now(), log: silentLog });

function valueOf(answer: Answer): unknown {
  if ("error" in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer.value;
}
const read = (store: Store, name: CallName, ...args: unknown[]): unknown => valueOf(store.read({ id: 1, name, args }));
const write = (store: Store, name: CallName, ...args: unknown[]): unknown =>
  valueOf(store.write([{ id: 1, name, args }]).answers[0]!);

test("a damaged database is reported or still serves; it never takes the process down or answers with anything but its own error", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "space.db");
  const whole = open(file);
  const space = write(whole, "self") as SpaceId;
  const puts = Array.from({ length: 300 }, (_, i) => ({ path: pathOf("data", `${i}`), value: text(`value ${i} `.repeat(10)) }));
  write(whole, "write", Date.now(), space, puts);
  whole.close();
  const bytes = await readFile(file);

  const outcomes = { fine: 0, reported: 0 };
  const how = fc.constantFrom("flip", "zero a page", "cut", "noise");
  const mutation = fc.tuple(how, fc.nat(bytes.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(mutation, async ([kind, at, byte]) => {
      const copy = join(directory, "copy.db");
      let changed = Buffer.from(bytes);
      if (kind === "flip") changed[at] = byte;
      if (kind === "zero a page") changed.fill(0, at, Math.min(at + 4096, bytes.length));
      if (kind === "noise") changed.fill(byte || 1, at, Math.min(at + 64, bytes.length));
      if (kind === "cut") changed = changed.subarray(0, Math.max(1, at));
      await writeFile(copy, changed);
      let store: Store | undefined;
      try {
        store = open(copy);
        for (const info of read(store, "spaces") as readonly { readonly space: SpaceId }[])
          read(store, "list", info.space, pathOf(), {});
        write(store, "write", Date.now(), space, [{ path: pathOf("data", "new"), value: text("x") }]);
        outcomes.fine++;
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        assert.ok(["io", "version", "not-found"].includes(code), `${kind} at ${at}: ${code} ${message}`);
        outcomes.reported++;
      } finally {
        store?.close();
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(outcomes.reported > 10, JSON.stringify(outcomes));
});
