// Values under keys, as a view on the entries of a space.

import { CoveyError } from "../../core/errors.ts";
import type { SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import type { Path, PathState, SpaceStore, Version, Write } from "../../space/contract.ts";
import { statesBelow } from "../../space/listing.ts";
import type { Data, DataConflict, DataItem } from "./contract.ts";
import { encodeJson } from "./json.ts";
import { keyOfPath, pathOfKey, pathOfPrefix } from "./key.ts";
import { conflictOf, itemOf, viewOf, type View } from "./view.ts";
import { watchData } from "./watch.ts";

/** What an item costs beside its key and value. */
const ITEM_BYTES = 128;

export interface DataNeeds {
  readonly store: Pick<SpaceStore, "write" | "get" | "list" | "changes" | "now" | "subscribe">;
}

export function createData({ store }: DataNeeds): Data {
  async function writeOne(space: SpaceId, key: string, write: Write): Promise<Version> {
    try {
      const [written] = await store.write(space, [write]);
      return written!;
    } catch (error) {
      if (!(error instanceof CoveyError) || error.code !== "conflict") throw error;
      throw new CoveyError("conflict", `"${printable(key)}" is not what it was when that version was read`, {
        hint: "Read it again, and set it with the version that it has now.",
        cause: error,
      });
    }
  }

  /** What is under the prefix, in key order, until `take` has enough. */
  async function scan(
    space: SpaceId,
    prefix: Path,
    after: Path | undefined,
    take: (view: View, size: number) => boolean,
  ): Promise<void> {
    for await (const state of statesBelow(store, space, prefix, after === undefined ? {} : { after })) {
      const view = viewOf(state);
      if (view !== undefined && !take(view, sizeOf(state))) return;
    }
  }

  return {
    async get(space, key) {
      const state = await store.get(space, pathOfKey(key));
      const view = state === undefined ? undefined : viewOf(state);
      if (view === undefined) return undefined;
      if (view.winner === undefined) {
        throw new CoveyError("protocol", `what a peer wrote under "${printable(key)}" is not a value`, {
          hint: "Set it again, or remove it.",
        });
      }
      return itemOf(view);
    },

    async set(space, key, value, { ifVersion } = {}) {
      const path = pathOfKey(key);
      const bytes = encodeJson(value);
      const { id, author, clockMs } = await writeOne(space, key, { path, value: bytes, ...expecting(ifVersion) });
      const state = await store.get(space, path);
      // When somebody wrote at the same moment, what was set here is not the version that is there: its own id fits no state.
      const version = state?.versions.length === 1 && state.versions[0]!.id === id ? state.token : id;
      return { key: keyOfPath(path)!, value, author, setAtMs: clockMs, version, conflicts: 0 };
    },

    async setMany(space, items) {
      if (items.length === 0) return;
      await store.write(
        space,
        items.map(({ key, value }) => ({ path: pathOfKey(key), value: encodeJson(value) })),
      );
    },

    async remove(space, key, { ifVersion } = {}) {
      const path = pathOfKey(key);
      const state = await store.get(space, path);
      if (ifVersion === undefined && (state === undefined || isRemoved(state))) return false;
      await writeOne(space, key, { path, value: undefined, ...expecting(ifVersion) });
      return state !== undefined && !isRemoved(state);
    },

    async list(space, prefix, { limit = Infinity, after } = {}) {
      if (!(limit >= 0)) throw new CoveyError("bad-argument", `${limit} is not a number of keys`);
      const items: DataItem[] = [];
      let bytes = 0;
      const start = after === undefined ? undefined : pathOfKey(after);
      const path = pathOfPrefix(prefix);
      if (limit === 0) return items;
      await scan(space, path, start, (view, size) => {
        const item = itemOf(view);
        if (item === undefined) return true;
        bytes += size;
        if (bytes > LIMITS.dataListBytes) throw tooMuch();
        return items.push(item) < limit;
      });
      return items;
    },

    async conflicts(space, prefix) {
      const found: DataConflict[] = [];
      let bytes = 0;
      await scan(space, pathOfPrefix(prefix), undefined, (view, size) => {
        const conflict = conflictOf(view);
        if (conflict === undefined) return true;
        bytes += size;
        if (bytes > LIMITS.dataListBytes) throw tooMuch();
        found.push(conflict);
        return true;
      });
      return found;
    },

    watch: (space, prefix, options) => watchData(store, space, prefix, options),
  };
}

const expecting = (version: string | null | undefined): { expect?: string | null } =>
  version === undefined ? {} : { expect: version };

const isRemoved = ({ versions }: PathState): boolean => versions.every(({ value }) => value === undefined);

const sizeOf = ({ path, versions }: PathState): number =>
  versions.reduce((sum, { value }) => sum + ITEM_BYTES + path.byteLength + (value?.byteLength ?? 0), 0);

const tooMuch = (): CoveyError =>
  new CoveyError("limit", `these values have more than ${LIMITS.dataListBytes} bytes`, {
    hint: "List fewer at once, with a limit and the last key as `after`, or by a longer prefix.",
  });
