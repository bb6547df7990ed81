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
  /** The command that goes on with it once it was paused: "The same command". */
  readonly again: string;
}

/**
 * Until it has ended; resolves to its last state, and rejects with what it failed with. What was paused here before goes on. A first
 * Ctrl-C pauses what was agreed to; everything else leaves it as it is. Rejects then with the signal's reason. Under --json, a line per
 * state.
 */
export async function followTransfer(
  { context, covey, view, again }: Followed,
  states: AsyncIterable<NamedTransfer>,
  onState: (transfer: NamedTransfer, first: boolean) => void = () => {},
): Promise<NamedTransfer> {
  const { out, signal } = context;
  let last: NamedTransfer | undefined;
  try {
    for await (const transfer of states) {
      const first = last === undefined;
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
    }
    throw error;
  } finally {
    if (last !== undefined) view.remove(last.offer.id);
  }
  if (last === undefined) throw new CoveyError("closed", "the transfer was not followed to its end");
  const failure = failureOf(last);
  if (failure !== undefined) throw failure;
  return last;
}

const wantsPause = ({ offer, paused }: NamedTransfer, why: unknown): boolean =>
  why instanceof Interrupted && why.byHand && offer.state === "accepted" && paused === undefined;

/** undefined when it can't be: it has ended meanwhile, or the daemon is gone. */
const pause = (covey: Followed["covey"], offer: string): Promise<NamedTransfer | undefined> =>
  covey.pause(offer, { signal: AbortSignal.timeout(PAUSE_MS) }).catch(() => undefined);

const pausedAt = ({ offer, doneBytes }: NamedTransfer, again: string): string =>
  `Paused at ${percent(doneBytes, offer.size)}. ${again} goes on with it; so does \`covey transfers resume ${offer.number}\`.`;

const goesOn = ({ offer }: NamedTransfer): string =>
  offer.state === "waiting"
    ? `The offer stays: \`covey transfers\` shows it, \`covey cancel ${offer.number}\` takes it back.`
    : `It goes on without this command: \`covey transfers\` shows it, \`covey cancel ${offer.number}\` gives it up.`;
