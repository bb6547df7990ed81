// Who may hold a place before it has earned one: in all, and per group (one address). A full house does not turn the next one away:
// it puts out somebody at random, so that who fills it by being slow or many can't keep others from ever getting in.

import type { Clock } from "../core/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";

export interface Admission {
  /** Takes a place. `evict` is called, at most once, when it is given to another. Returns the function that leaves. */
  enter(group: string, evict: () => void): () => void;
  /** A paired peer came from there: others do not push those from there out while there is anybody else. */
  familiar(group: string): void;
  readonly size: number;
}

interface Guest {
  readonly group: string;
  readonly evict: () => void;
}

export function createAdmission(capacity: number, perGroup: number): Admission {
  const groups = new Map<string, Set<Guest>>();
  const familiar = new Set<string>();
  let size = 0;

  const leave = (guest: Guest): void => {
    const members = groups.get(guest.group);
    if (!members?.delete(guest)) return;
    size--;
    if (members.size === 0) groups.delete(guest.group);
  };
  const putOut = (guests: readonly Guest[]): void => {
    // Not for secrets: any of them will do.
    const guest = guests[Math.floor(Math.random() * guests.length)]!;
    leave(guest);
    guest.evict();
  };
  const largestGroup = (): readonly Guest[] => {
    const all = [...groups.values()];
    const strange = all.filter((members) => !familiar.has([...members][0]!.group));
    return [...(strange.length > 0 ? strange : all).reduce((a, b) => (b.size > a.size ? b : a))];
  };

  return {
    enter(group, evict) {
      const members = groups.get(group);
      if (members !== undefined && members.size >= perGroup) putOut([...members]);
      else if (size >= capacity) putOut(largestGroup());
      const guest = { group, evict };
      const now = groups.get(group) ?? new Set();
      groups.set(group, now.add(guest));
      size++;
      return () => leave(guest);
    },
    familiar(group) {
      familiar.delete(group);
      familiar.add(group);
      if (familiar.size > LIMITS.familiarGroups) familiar.delete(familiar.values().next().value!);
    },
    get size() {
      return size;
    },
  };
}

/** Writes what went wrong with unproven connections: one line for a group and LIMITS.pendingLogMs, whatever it sends. */
export function createRefusalLog(log: Logger, clock: Clock): (group: string, why: string) => void {
  const silentUntilMs = new Map<string, number>();
  return (group, why) => {
    const now = clock.monotonicMs();
    // The oldest come first.
    for (const [old, untilMs] of silentUntilMs) {
      if (untilMs > now) break;
      silentUntilMs.delete(old);
    }
    if (silentUntilMs.has(group) || silentUntilMs.size >= LIMITS.pendingConnections) return;
    silentUntilMs.set(group, now + LIMITS.pendingLogMs);
    log.info({ from: group, why }, "a connection was refused");
  };
}
