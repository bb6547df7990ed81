// Happy eyeballs (RFC 8305), for anything that can be tried: the candidates start in order, each a little after the one before or as
// soon as that one failed; the first success wins; the others are told to stop, and what they still produce is discarded.

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

export interface RaceOptions<Won> {
  /** Ends every attempt; the race then throws its reason. */
  readonly signal: AbortSignal;
  /** Cleans up after an attempt that succeeded too late. */
  readonly discard: (late: Won) => void;
  /** Default LIMITS.dialStaggerMs. */
  readonly staggerMs?: number;
}

/** What `attempt` made of one candidate. Rejects with one `unreachable` error that says what each candidate did. */
export function race<Candidate extends string, Won>(
  candidates: readonly Candidate[],
  attempt: (candidate: Candidate, signal: AbortSignal) => Promise<Won>,
  { signal, discard, staggerMs = LIMITS.dialStaggerMs }: RaceOptions<Won>,
): Promise<Won> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const losers = new AbortController();
    const failures: { readonly candidate: Candidate; readonly error: unknown }[] = [];
    let over = false;
    let next = 0;
    let timer: NodeJS.Timeout | undefined;

    const finish = (tell: () => void): void => {
      over = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      losers.abort(new CoveyError("closed", "another address was faster"));
      tell();
    };
    const abort = (): void => finish(() => reject(signal.reason as Error));
    signal.addEventListener("abort", abort, { once: true });

    const start = (): void => {
      clearTimeout(timer);
      const candidate = candidates[next++];
      if (candidate === undefined) return;
      attempt(candidate, losers.signal).then(
        (won) => (over ? discard(won) : finish(() => resolve(won))),
        (error: unknown) => {
          if (over) return;
          failures.push({ candidate, error });
          if (failures.length === candidates.length) finish(() => reject(unreachable(failures)));
          else start();
        },
      );
      timer = setTimeout(start, staggerMs);
    };
    if (candidates.length === 0) finish(() => reject(new CoveyError("unreachable", "no address is known")));
    else start();
  });
}

function unreachable(failures: readonly { readonly candidate: string; readonly error: unknown }[]): CoveyError {
  const lines = failures.map(({ candidate, error }) => {
    const why = error instanceof Error ? error.message : String(error);
    return why.startsWith(candidate) ? why : `${candidate}: ${why}`;
  });
  return new CoveyError("unreachable", lines.join("; "), { cause: failures[0]?.error });
}
