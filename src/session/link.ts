// One paired peer: the session with it, and the endeavour to have one.
//
//   waiting -> dialling -> up -> waiting -> ...         gone, once it is not paired any more or everything is closed
//
// A session that comes in makes any state `up`, or loses the duel with the one that is up (duel.ts). One on which either side said
// goodbye is up no more: what is open on it has a moment to end, beside the next one.

import { CoveyError } from "../core/errors.ts";
import type { PeerId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { backOffMs } from "./back-off.ts";
import type { SessionEvent } from "./contract.ts";
import { type Contender, replaces } from "./duel.ts";
import type { Hello } from "./hello.ts";
import type { LiveSession } from "./session.ts";

/** What the dialler says of a session besides who it is. */
export interface DialFacts {
  readonly dial: number;
  readonly over: number;
}

export interface LinkNeeds {
  readonly self: PeerId;
  readonly backOffMinMs: number;
  readonly backOffMaxMs: number;
  readonly steadyMs: number;
  /** How long an attempt of ours that would win keeps one of theirs waiting. */
  readonly holdMs: number;
  /** Before the first attempt: who has the larger id lets the other one go first. */
  readonly yieldMs: number;
  monotonicMs(): number;
  random(): number;
  /** One attempt at all known addresses. */
  dial(peer: PeerId, facts: DialFacts, signal: AbortSignal): Promise<LiveSession>;
  nextDial(): number;
  emit(event: SessionEvent): void;
}

type State =
  | { readonly is: "waiting"; readonly timer: NodeJS.Timeout }
  | { readonly is: "dialling"; readonly stop: AbortController; readonly ended: Promise<void> }
  | { readonly is: "up"; readonly session: LiveSession; readonly sinceMs: number }
  | { readonly is: "gone"; readonly why: CoveyError };

/** Somebody who wants the session. */
interface Waiter extends PromiseWithResolvers<LiveSession> {
  /** Came when an attempt was going on already. */
  joined: boolean;
}

export class Link {
  readonly peer: PeerId;
  readonly #needs: LinkNeeds;
  #state: State;
  #failures = 0;
  #problem: CoveyError | undefined;
  /** The highest number of the sessions dialled by the other side, in this life of its process, that are over here. */
  #over = { boot: "", dial: 0 };
  readonly #waiters = new Set<Waiter>();
  /** The last one that was up, while something on it has still to end. */
  #ending: LiveSession | undefined;

  constructor(peer: PeerId, needs: LinkNeeds) {
    this.peer = peer;
    this.#needs = needs;
    this.#state = this.#waiting(needs.yieldMs);
  }

  get session(): LiveSession | undefined {
    return this.#state.is === "up" ? this.#state.session : undefined;
  }

  /** Why there is no session, as far as this side knows. */
  get problem(): CoveyError | undefined {
    return this.#state.is === "up" ? undefined : this.#problem;
  }

  /** The session, or the error of the attempt that is going on or begins now. */
  connect(): Promise<LiveSession> {
    if (this.#state.is === "up") return Promise.resolve(this.#state.session);
    if (this.#state.is === "gone") return Promise.reject(this.#state.why);
    const waiter: Waiter = { ...Promise.withResolvers<LiveSession>(), joined: this.#state.is === "dialling" };
    this.#waiters.add(waiter);
    this.dialNow();
    return waiter.promise.finally(() => this.#waiters.delete(waiter));
  }

  /** Ends a wait: somebody asks for the session, or there are new addresses. */
  dialNow(): void {
    if (this.#state.is !== "waiting") return;
    clearTimeout(this.#state.timer);
    this.#failures = 0;
    void this.#dial();
  }

  /**
   * Before a session that the other side dialled is completed: throws `closed` when it would lose. When both are dialling and our
   * own would win, it gets a moment to, so that the loser never comes up at all.
   */
  async admit({ boot, dial, over }: Hello): Promise<void> {
    if (this.#state.is === "dialling" && this.#needs.self < this.peer) await within(this.#state.ended, this.#needs.holdMs);
    const { session } = this;
    if (session === undefined || replaces({ diallerId: this.peer, boot, dial, over }, this.#contender(session))) return;
    throw anotherIsKept();
  }

  /** A session that is complete on this side. */
  offer(session: LiveSession): void {
    if (this.#state.is === "gone") return session.destroy(this.#state.why);
    const old = this.session;
    if (old !== undefined && !replaces(this.#contender(session), this.#contender(old))) {
      this.#noteOver(session);
      return session.destroy(anotherIsKept());
    }
    this.#leaveState();
    this.#state = { is: "up", session, sinceMs: this.#needs.monotonicMs() };
    this.#problem = undefined;
    if (old !== undefined) {
      const why = new CoveyError("closed", "a newer session with this peer took over", { hint: "Try again." });
      this.#down(old, why);
      old.destroy(why);
    }
    void session.spent.then((why) => this.#lost(session, why));
    this.#needs.emit({ type: "up", session });
    for (const waiter of this.#waiters) waiter.resolve(session);
  }

  /** The other side came, and was refused or refused us. */
  note(problem: CoveyError): void {
    this.#problem = problem;
  }

  /** For good. An orderly end lets what is queued get out; the other one cuts. */
  async close(why: CoveyError, { orderly }: { readonly orderly: boolean }): Promise<void> {
    const { session } = this;
    const open = [session, this.#ending].filter((one) => one !== undefined);
    this.#leaveState();
    this.#state = { is: "gone", why };
    for (const waiter of this.#waiters) waiter.reject(why);
    if (session !== undefined) this.#down(session, orderly ? undefined : why);
    if (orderly) await Promise.all(open.map((one) => one.close()));
    else for (const one of open) one.destroy(why);
  }

  async #dial(): Promise<void> {
    const stop = new AbortController();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const state: State = { is: "dialling", stop, ended };
    this.#state = state;
    try {
      const facts = { dial: this.#needs.nextDial(), over: this.#over.dial };
      this.offer(await this.#needs.dial(this.peer, facts, stop.signal));
    } catch (error) {
      if (this.#state !== state) return;
      this.#failed(error instanceof CoveyError ? error : new CoveyError("internal", "a fault in covey", { cause: error }));
    } finally {
      end();
    }
  }

  #failed(problem: CoveyError): void {
    this.#problem = problem;
    this.#state = this.#waiting(this.#backOffMs());
    this.#failures++;
    // Somebody was there and cut: it is starting or stopping, or its own session with us is on the way here.
    if (problem.code === "closed" && this.#failures < LIMITS.dialRetries) return;
    for (const waiter of this.#waiters) {
      // A refusal can be older than the call: paired again a moment ago, say.
      if (!waiter.joined || problem.retryable) waiter.reject(problem);
      else this.dialNow();
      waiter.joined = false;
    }
  }

  #lost(session: LiveSession, why: CoveyError | undefined): void {
    if (this.#state.is !== "up" || this.#state.session !== session) return;
    if (this.#needs.monotonicMs() - this.#state.sinceMs >= this.#needs.steadyMs) this.#failures = 0;
    this.#problem = why;
    this.#state = this.#waiting(this.#backOffMs() + this.#needs.yieldMs);
    this.#failures++;
    // Never more than one: a peer could come and take leave without end.
    this.#ending?.destroy(new CoveyError("closed", "the session after it is over too"));
    this.#ending = session;
    void session.closed.then(() => {
      if (this.#ending === session) this.#ending = undefined;
    });
    this.#down(session, why);
  }

  #down(session: LiveSession, why: CoveyError | undefined): void {
    this.#noteOver(session);
    this.#needs.emit({ type: "down", peer: this.peer, why });
  }

  #noteOver({ dialled, greeting: { theirs } }: LiveSession): void {
    if (dialled) return;
    const before = this.#over.boot === theirs.boot ? this.#over.dial : 0;
    this.#over = { boot: theirs.boot, dial: Math.max(before, theirs.dial) };
  }

  #contender({ dialled, greeting: { ours, theirs } }: LiveSession): Contender {
    const { dial, over } = dialled ? ours : theirs;
    return { diallerId: dialled ? this.#needs.self : this.peer, boot: theirs.boot, dial, over };
  }

  #waiting(ms: number): State {
    return { is: "waiting", timer: setTimeout(() => void this.#dial(), ms) };
  }

  #leaveState(): void {
    if (this.#state.is === "waiting") clearTimeout(this.#state.timer);
    if (this.#state.is === "dialling") this.#state.stop.abort(new CoveyError("closed", "a session is there already"));
  }

  #backOffMs(): number {
    return backOffMs(this.#failures, this.#needs.backOffMinMs, this.#needs.backOffMaxMs, this.#needs.random());
  }
}

const anotherIsKept = (): CoveyError =>
  new CoveyError("closed", "another session with this peer is kept", { hint: "Try again." });

/** Resolves with the work, or after `ms`. */
async function within(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
