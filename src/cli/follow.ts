// Follows a transfer to its end: shows how it goes on, and what becomes of it when the command is interrupted.

import { CoveyError } from "../core/errors.ts";
import type { Covey, NamedTransfer } from "../control/covey.ts";
import type { Context } from "./context.ts";
import { percent } from "./format.ts";
import { Interrupted } from "./interrupted.ts";
import type { ProgressView } from "./progress.ts";
import { failureOf, progressOf } from "./transfer.ts";

const PAUSE_MS = 5000;

export interface Followed {
  readonly context: Pick<Context, "out" | "signal">;
  readonly covey: Pick<Covey, "pause" | "resume">;
  readonly view: ProgressView;
  /** The command that goes on with it once it was paused: "The same command"; undefined when none does. */
  readonly again: string | undefined;
}

export interface Arrived {
  /** Its last state. */
  readonly done: NamedTransfer;
  /** How long it moved, from when it was agreed to; undefined when some of it had moved before this command. ms. */
  readonly tookMs: number | undefined;
}

/**
 * Until it has ended; rejects with what it failed with. What was paused here before goes on. A first Ctrl-C pauses what was agreed to;
 * everything else leaves it as it is. Rejects then with the signal's reason. Under --json, a line per state.
 */
export async function followTransfer(
  { context, covey, view, again }: Followed,
  states: AsyncIterable<NamedTransfer>,
  onState: (transfer: NamedTransfer, first: boolean) => void = () => {},
): Promise<Arrived> {
  const { out, signal } = context;
  let last: NamedTransfer | undefined;
  let movesSinceMs: number | undefined;
  try {
    for await (const transfer of states) {
      const first = last === undefined;
      if (first) movesSinceMs = askedForAtMs(transfer);
      else if (last!.offer.state === "waiting" && transfer.offer.state === "accepted") movesSinceMs = performance.now();
      last = transfer;
      if (first && transfer.paused === "here") await covey.resume(transfer.offer.id, { signal });
      onState(transfer, first);
      if (out.json) out.result(transfer, "");
      view.update(transfer.offer.id, progressOf(transfer));
    }
  } catch (error) {
    if (last !== undefined && signal.aborted) {
      const { offer } = last;
      view.remove(offer.id);
      const paused = wantsPause(last, signal.reason) ? await pause(covey, offer.id) : undefined;
      const farewell = paused === undefined ? goesOn(last) : pausedAt(paused, again);
      if (out.json && paused !== undefined) out.result(paused, "");
      view.above(() => out.note(farewell));
    } else if (last !== undefined && isDown(error)) {
      view.remove(last.offer.id);
      view.above(() => out.note("Nothing is lost: `covey up`, and it goes on."));
    }
    throw error;
  } finally {
    if (last !== undefined) view.remove(last.offer.id);
  }
  if (last === undefined) throw new CoveyError("closed", "the transfer was not followed to its end");
  const failure = failureOf(last);
  if (failure !== undefined) throw failure;
  return { done: last, tookMs: movesSinceMs === undefined ? undefined : Math.max(0, performance.now() - movesSinceMs) };
}

/** Of what moved at once: when this command asked for it, in its own time; undefined for what is older than the command. */
function askedForAtMs({ offer: { state, offeredAtMs } }: NamedTransfer): number | undefined {
  const atMs = offeredAtMs - performance.timeOrigin;
  return state === "waiting" || atMs < 0 ? undefined : atMs;
}

const isDown = (error: unknown): boolean => error instanceof CoveyError && error.code === "daemon-down";

const wantsPause = ({ offer, paused }: NamedTransfer, why: unknown): boolean =>
  why instanceof Interrupted && why.byHand && offer.state === "accepted" && paused === undefined;

/** undefined when it can't be: it has ended meanwhile, or the daemon is gone. */
const pause = (covey: Followed["covey"], offer: string): Promise<NamedTransfer | undefined> =>
  covey.pause(offer, { signal: AbortSignal.timeout(PAUSE_MS) }).catch(() => undefined);

function pausedAt({ offer, doneBytes }: NamedTransfer, again: string | undefined): string {
  const resume = `\`covey transfers resume ${offer.number}\``;
  const how = again === undefined ? `${resume} goes on with it.` : `${again} goes on with it; so does ${resume}.`;
  return `Paused at ${percent(doneBytes, offer.size)}. ${how}`;
}

const goesOn = ({ offer }: NamedTransfer): string =>
  offer.state === "waiting"
    ? `The offer stays: \`covey transfers\` shows it, \`covey cancel ${offer.number}\` takes it back.`
    : `It goes on without this command: \`covey transfers\` shows it, \`covey cancel ${offer.number}\` gives it up.`;
