// Reading: every function one short query or two, on what is committed.

import { LIMITS } from "../../core/limits.ts";
import type { PeerId, SpaceId } from "../../core/ids.ts";
import type { ChangePage, Cursor, Page, Path, PathState, SpaceInfo } from "../contract.ts";
import { KIND } from "../entry.ts";
import { endOfPrefix, pathKey } from "../path.ts";
import type { Database } from "./database.ts";
import type { Life } from "./life.ts";
import type { Members, Space } from "./members.ts";
import { neighbourRow, waitingRows } from "./neighbours.ts";
import { pathState, type VersionRow } from "./versions.ts";

export interface ReadNeeds {
  readonly db: Database;
  readonly life: Life;
  readonly members: Members;
}

/** Behind every path: components are at most 255 bytes of anything, but the first letter of a path is an ASCII one. */
const END = Uint8Array.of(0xff);

export function readCalls({ db, life, members }: ReadNeeds) {
  const stateOf = (space: Space, path: Path): PathState | undefined =>
    pathState(
      db.file,
      path,
      db.all<VersionRow>("SELECT seq, signed, value FROM entries WHERE space = ? AND path = ?", space.num, path),
    );

  const lastSeq = (space: Space): number =>
    db.get<{ last: number }>("SELECT coalesce(max(seq), 0) AS last FROM entries WHERE space = ?", space.num)!.last;

  return {
    get: (space: SpaceId, path: Path): PathState | undefined => stateOf(members.space(space), path),

    list(spaceId: SpaceId, prefix: Path, page: Page = {}): readonly PathState[] {
      const space = members.space(spaceId);
      const limit = Math.max(0, Math.min(page.limit ?? LIMITS.listPaths, LIMITS.listPaths));
      const [above, below] = boundsOf(prefix, page);
      // A path is there when one of its versions is a value, which wins over every removal.
      const paths = db.all<{ path: Path }>(
        `SELECT DISTINCT path FROM entries WHERE space = ? AND path > ? AND path < ? AND kind = ${KIND.value} ORDER BY path ${page.reverse === true ? "DESC" : "ASC"} LIMIT ?`,
        space.num,
        above,
        below,
        limit,
      );
      const states: PathState[] = [];
      const isFull = fillingPage();
      for (const { path } of paths) {
        const state = stateOf(space, path);
        if (state === undefined) continue;
        states.push(state);
        if (isFull(state)) break;
      }
      return states;
    },

    changes(spaceId: SpaceId, prefix: Path, after: Cursor | undefined, limit: number = LIMITS.listPaths): ChangePage {
      const space = members.space(spaceId);
      const valid = after !== undefined && after.store === life.storeId && life.gaveOut(after.seq);
      const from = valid ? after.seq : 0;
      const end = lastSeq(space);
      const bounded = Math.max(1, Math.min(limit, LIMITS.listPaths));
      const rows = db.iterate<{ seq: number; path: Path }>(
        "SELECT seq, path FROM entries WHERE space = ? AND seq > ? ORDER BY seq LIMIT ?",
        space.num,
        from,
        LIMITS.scannedEntries,
      );
      const newest = new Map<string, { readonly seq: number; readonly path: Path }>();
      let seq = from;
      for (const row of rows) {
        if (startsWith(row.path, prefix)) {
          const key = pathKey(row.path);
          if (!newest.has(key) && newest.size >= bounded) break;
          // Again at the end: the order is that of a path's newest version.
          newest.delete(key);
          newest.set(key, row);
        }
        seq = row.seq;
      }
      const changes: PathState[] = [];
      const isFull = fillingPage();
      for (const row of newest.values()) {
        const state = stateOf(space, row.path);
        if (state === undefined) continue;
        changes.push(state);
        // The paths behind it each have a newer version, by which the next page finds them.
        if (isFull(state)) {
          seq = row.seq;
          break;
        }
      }
      return { changes, cursor: { store: life.storeId, seq }, reset: after !== undefined && !valid, more: seq < end };
    },

    now: (space: SpaceId): Cursor => ({ store: life.storeId, seq: lastSeq(members.space(space)) }),

    spaces: (): readonly SpaceInfo[] =>
      members.all().flatMap((space) => {
        const { kind } = space.genesis;
        if (kind === "group") return [];
        const { paths } = db.get<{ paths: number }>("SELECT paths FROM spaces WHERE num = ?", space.num)!;
        const { deferred } = db.get<{ deferred: number }>(
          "SELECT count(*) AS deferred FROM deferred WHERE space = ?",
          space.num,
        )!;
        return [{ space: space.id, kind, peer: members.otherOf(space), paths, deferred }];
      }),

    cursorFor(space: SpaceId, neighbour: PeerId): Cursor | undefined {
      const { store, seq } = neighbourRow(db, members, members.space(space), neighbour);
      return store === null ? undefined : { store, seq };
    },

    waitingFor: (space: SpaceId, neighbour: PeerId): number => waitingRows(db, members, members.space(space), neighbour),

    getLocal: (service: string, key: string): Uint8Array | undefined =>
      db.get<{ value: Uint8Array }>("SELECT value FROM local WHERE service = ? AND key = ?", service, key)?.value,

    listLocal: (service: string, prefix: string): readonly { readonly key: string; readonly value: Uint8Array }[] =>
      db
        .all<{ key: string; value: Uint8Array }>(
          "SELECT key, value FROM local WHERE service = ? AND key >= ? AND key < ? ORDER BY key",
          service,
          prefix,
          `${prefix}\u{10ffff}`,
        )
        .map(({ key, value }) => ({ key, value })),
  };
}

/** What the paths of a page lie between. One bound each: of two on the same side, the database would seek to either. */
function boundsOf(prefix: Path, { after, reverse = false }: Page): readonly [above: Uint8Array, below: Uint8Array] {
  // Without its last NUL, the prefix is right before itself.
  const start = prefix.subarray(0, -1);
  const end = endOfPrefix(prefix) ?? END;
  if (after === undefined) return [start, end];
  return reverse
    ? [start, Buffer.compare(after, end) < 0 ? after : end]
    : [Buffer.compare(after, start) > 0 ? after : start, end];
}

/** Whether a page has enough with this state, too. */
function fillingPage(): (state: PathState) => boolean {
  let bytes = 0;
  return ({ versions }) => {
    for (const { path, value } of versions) bytes += path.length + (value?.length ?? 0);
    return bytes >= LIMITS.pageBytes;
  };
}

const startsWith = (path: Uint8Array, prefix: Uint8Array): boolean =>
  path.length >= prefix.length && Buffer.compare(path.subarray(0, prefix.length), prefix) === 0;
