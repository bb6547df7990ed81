// The gateway of a peer: what is served here now, what is kept, and who of the guests is there.

import { randomBytes } from "node:crypto";

import { withDeadline } from "../core/async.ts";
import { toBase32, toHex } from "../core/bytes.ts";
import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import type { SpaceStore } from "../space/contract.ts";
import type { Gateway, ServeSettings } from "./contract.ts";
import { keptServings, type ServingRecord } from "./kept.ts";
import { servedList } from "./list.ts";
import { Places } from "./places.ts";
import { LiveServing, type ServingNeeds } from "./serving.ts";
import { checkSettings } from "./settings.ts";

/** 128 bits: nobody guesses it. */
const TOKEN_BYTES = 16;

export interface GatewayNeeds extends Omit<ServingNeeds, "places"> {
  readonly store: Pick<SpaceStore, "putLocal" | "listLocal">;
}

/** Serves again what is kept. */
export async function createGateway({ store, ...needs }: GatewayNeeds): Promise<Gateway> {
  const { clock, log } = needs;
  const servingNeeds: ServingNeeds = { ...needs, places: new Places() };
  const kept = keptServings(store, log);
  /** What is served, and what is just being opened, whose numbers are taken too. */
  const servings = new Map<string, LiveServing>();
  const opening = new Map<LiveServing, Promise<void>>();
  const closing = new AbortController();
  const all = (): readonly LiveServing[] => [...servings.values(), ...opening.keys()];

  for (const record of await kept.all()) servings.set(record.id, new LiveServing(record, servingNeeds));
  await settledSoon([...servings.values()].map((serving) => serving.keepTrying()));

  const end = async (serving: LiveServing): Promise<void> => {
    servings.delete(serving.record.id);
    await serving.end().catch((error: unknown) => log.error({ error: String(error) }, "a serving did not end in order"));
  };

  const begin = async (serving: LiveServing, until: AbortSignal): Promise<void> => {
    const { id, settings } = serving.record;
    try {
      if (settings.list !== undefined) await servedList(settings.list, needs).read().catch(unlessRefused);
      await serving.start();
      if (settings.keep && !until.aborted) await kept.put(serving.record);
      if (until.aborted) {
        if (settings.keep) await kept.remove(id);
        throw until.reason;
      }
      servings.set(id, serving);
    } catch (error) {
      await serving.end();
      throw error;
    }
  };

  return {
    async open(settings, { signal }) {
      const until = AbortSignal.any([signal, closing.signal]);
      until.throwIfAborted();
      checkSettings(settings);
      assertPlace(all().length);
      const number = 1 + Math.max(0, ...all().map(({ record }) => record.number));
      const serving = new LiveServing(newRecord(settings, number, clock.nowMs()), servingNeeds);
      // Also so that `until` knows of it: without a listener it would only look at its sources, which may be collected by then.
      const aborted = (): void => {
        if (!settings.keep) void end(serving);
      };
      until.addEventListener("abort", aborted, { once: true });
      const begun = begin(serving, until);
      opening.set(serving, begun);
      await begun.finally(() => opening.delete(serving));
      return serving.follow(until);
    },

    list: () => [...servings.values()].map((serving) => serving.view()).sort((a, b) => a.number - b.number),

    async remove(text) {
      const serving = servings.get(text) ?? [...servings.values()].find(({ record }) => String(record.number) === text);
      if (serving === undefined) {
        throw new CoveyError("not-found", `nothing is served as ${printable(text.slice(0, 80))}`, {
          hint: "`covey serve ls`, or `servings()`, lists what is served.",
        });
      }
      if (serving.record.settings.keep) await kept.remove(serving.record.id);
      await end(serving);
    },

    async tell(guest, text) {
      assertTellable(text);
      const serving = [...servings.values()].find((one) => one.guests().includes(guest));
      if (serving === undefined) throw noGuest(guest);
      await serving.tell(guest, text);
    },

    async close() {
      closing.abort(new CoveyError("closed", "this peer is closing"));
      await Promise.all(all().map(end));
      await Promise.allSettled(opening.values());
    },
  };
}

function assertPlace(taken: number): void {
  if (taken < LIMITS.gatewayServings) return;
  throw new CoveyError("limit", `${taken} servings are open already, which is all there can be`, {
    hint: "End one first: `covey serve ls` lists them, `covey serve rm N` ends one.",
  });
}

const newRecord = (settings: ServeSettings, number: number, nowMs: number): ServingRecord => ({
  id: toHex(randomBytes(8)),
  number,
  settings,
  token: settings.token ? toBase32(randomBytes(TOKEN_BYTES)) : undefined,
  sinceMs: nowMs,
  at: undefined,
});

/** What can't be given as text now may be later. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof CoveyError && error.code === "refused")) throw error;
}

/** A start waits for no directory and no name that are slow; those go on by themselves. */
async function settledSoon(starts: readonly Promise<void>[]): Promise<void> {
  await withDeadline(Promise.all(starts), LIMITS.gatewayRetryMs, "serving what is kept").catch(() => {});
}

function assertTellable(text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes === 0) throw new CoveyError("bad-argument", "there is nothing to tell", { hint: "Give a text." });
  if (bytes <= LIMITS.textMessageBytes) return;
  throw new CoveyError("limit", `the text has ${bytes} bytes; ${LIMITS.textMessageBytes} are allowed`, {
    hint: "Say it in several, or serve it as a file.",
  });
}

const noGuest = (guest: string): CoveyError =>
  new CoveyError("not-found", `${printable(guest.slice(0, 80))} is not connected now`, {
    hint: "A guest is reached while its connection is open; when it comes back, it is another guest. `covey serve ls` shows who is here now.",
  });
