// Writing here: 1. see what is at the path  2. check what was expected  3. the entry, its clock above all that it replaces
// 4. have it signed, while the next one is made  5. store in the place of what it dominates.

import { CoveyError } from "../../core/errors.ts";
import type { PeerId, SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Path, Version, Write } from "../contract.ts";
import { contentOf, encodeEntry, type Entry, entryIdOf, KIND, signedMessage } from "../entry.ts";
import { isShown, replacing } from "../order.ts";
import { checkPath, pathKey, pathOf, pathText } from "../path.ts";
import type { Crypto, SignatureBatch } from "./crypto.ts";
import type { Database } from "./database.ts";
import type { Life } from "./life.ts";
import type { Members, Space } from "./members.ts";
import { tokenOf, Touched, versionOf } from "./versions.ts";

/** What writing uses. */
export interface WriteNeeds {
  readonly db: Database;
  readonly life: Life;
  readonly members: Members;
  readonly author: PeerId;
  readonly crypto: Crypto;
  changed(space: SpaceId, seq: number): void;
}

interface Draft {
  readonly entry: Entry;
  readonly signed: Buffer;
  readonly message: Buffer;
  readonly value: Uint8Array | undefined;
  readonly signature: () => Buffer;
}

export function write(needs: WriteNeeds, nowMs: number, spaceId: SpaceId, writes: readonly Write[]): readonly Version[] {
  if (writes.length > LIMITS.writeEntries) {
    throw new CoveyError("limit", `${writes.length} entries are too many for one write (${LIMITS.writeEntries})`, {
      hint: "Write them in several parts.",
    });
  }
  const { db, life, members, author } = needs;
  const space = members.space(spaceId);
  if (!members.mayWrite(space, author)) throw new CoveyError("refused", "this peer may not write in the space");
  life.mend(nowMs);
  const touched = new Touched(db, life, space);
  const written: Version[] = [];
  const drafts = new Map<string, Draft>();
  const signing = needs.crypto.batch(writes.length);

  const flush = (): void => {
    for (const { entry, signed, message, value, signature } of drafts.values()) {
      const known = { id: entryIdOf(message), entry };
      const seq = touched.store({ ...known, signed, signature: signature(), value, origin: 0 });
      written.push(versionOf(known, seq, value));
    }
    drafts.clear();
  };

  for (const one of writes) {
    const path = "append" in one ? nextAppended(needs, space, one.append) : one.path;
    checkPath(path);
    const key = pathKey(path);
    // What is written twice in one call is written in order: the second one sees the first.
    if (drafts.has(key)) flush();
    drafts.set(key, draft(needs, nowMs, space, touched, signing, path, one));
  }
  flush();
  touched.finish();
  if (touched.lastSeq > 0) needs.changed(spaceId, touched.lastSeq);
  return written;
}

function draft(
  { life, author }: WriteNeeds,
  nowMs: number,
  space: Space,
  touched: Touched,
  signing: SignatureBatch,
  path: Path,
  one: Write,
): Draft {
  if (one.value !== undefined && one.value.length > LIMITS.inlineValueBytes) {
    throw new CoveyError("limit", `the value at ${pathText(path)} is larger than ${LIMITS.inlineValueBytes} bytes`);
  }
  const shown = touched.versions(path).filter(({ entry }) => isShown(entry));
  const expect = "append" in one ? undefined : one.expect;
  if (expect !== undefined) {
    const isThere = shown.some(({ entry }) => entry.kind === KIND.value);
    const agrees = expect === null ? !isThere : shown.length > 0 && tokenOf(shown) === expect;
    if (!agrees) {
      throw new CoveyError("conflict", `${pathText(path)} is not as it was expected to be`, {
        hint: "Read it again, and decide again.",
      });
    }
  }
  const replaced = replacing(shown.map(({ entry }) => entry));
  const entry: Entry = {
    space: space.id,
    author,
    incarnation: life.incarnation,
    path,
    clock: life.tick(nowMs, replaced.clock),
    vector: replaced.vector,
    grant: undefined,
    ...contentOf(one.value),
  };
  const signed = encodeEntry(entry);
  const message = signedMessage(signed);
  return { entry, signed, message, value: one.value, signature: signing.sign(message) };
}

function nextAppended({ db, life, author }: WriteNeeds, space: Space, service: string): Path {
  db.run("UPDATE spaces SET appended = appended + 1 WHERE num = ?", space.num);
  const { appended } = db.get<{ appended: number }>("SELECT appended FROM spaces WHERE num = ?", space.num)!;
  return pathOf(service, author, life.incarnation, String(appended).padStart(12, "0"));
}
