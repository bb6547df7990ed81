// What is asked of an entry from elsewhere before its signature, all of it from its own bytes and the space's record. Pure.

import { equalBytes } from "../core/bytes.ts";
import { hash } from "../core/hash.ts";
import type { SpaceId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { WireEntry } from "./contract.ts";
import { carriesValue, decodeEntry, type Entry, entryIdOf, isUnknownVersion, MAX_SIGNED_BYTES, signedMessage } from "./entry.ts";
import type { Known } from "./order.ts";
import type { Genesis } from "./genesis.ts";
import { pathKey } from "./path.ts";
import { SIGNATURE_BYTES } from "./signing.ts";

/** `candidate`: everything but the signature is right. `later`: of a version that this program does not know. */
export type Admission =
  | ({ readonly type: "candidate"; readonly message: Buffer } & Known)
  | ({ readonly type: "later" } & Pick<Known, "id">)
  | { readonly type: "refused"; readonly why: string };

export function admit(wire: WireEntry, space: SpaceId, genesis: Genesis): Admission {
  if (wire.signed.length > MAX_SIGNED_BYTES || wire.signature.length !== SIGNATURE_BYTES) return refused("its lengths are wrong");
  if (wire.value !== undefined && wire.value.length > LIMITS.inlineValueBytes) return refused("its value is too large");
  const message = signedMessage(wire.signed);
  const id = entryIdOf(message);
  if (isUnknownVersion(wire.signed)) return { type: "later", id };
  let entry: Entry;
  try {
    entry = decodeEntry(wire.signed);
  } catch (error) {
    return refused(error instanceof Error ? error.message : "it can't be read");
  }
  if (entry.space !== space) return refused("it belongs to another space");
  if (!genesis.founders.includes(entry.author)) return refused("its author is no member");
  if (isInAnothersName(entry)) return refused("it speaks in the name of somebody else");
  // Founders need none, and nobody else writes in the spaces that there are.
  if (entry.grant !== undefined) return refused("it names a grant where none is given");
  if (!isValueRight(entry, wire.value)) return refused("its value does not agree with it");
  return { type: "candidate", message, id, entry };
}

/** Below `msg` everybody has a place: what others wrote there would stand between its owner and the owner's own words. */
function isInAnothersName({ path, author }: Entry): boolean {
  const key = pathKey(path);
  return key.startsWith("msg\0") && !key.startsWith(`msg\0${author}\0`);
}

function isValueRight(entry: Entry, value: Uint8Array | undefined): boolean {
  if (!carriesValue(entry.kind)) return value === undefined;
  return value !== undefined && value.length === entry.size && equalBytes(hash(value), entry.content);
}

const refused = (why: string): Admission => ({ type: "refused", why });
