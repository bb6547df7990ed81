// What is offered, taken: 1. what was agreed to before is told, and goes on where it was paused, 2. for each offer somebody is asked,
// 3. what was agreed to is followed to its end, 4. the command ends when nothing runs and nothing waits.

import { fromPlatform, type CoveyError } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import type { Covey, NamedOffer, NamedTransfer, Placement } from "../control/covey.ts";
import type { Context } from "./context.ts";
import { followTransfer } from "./follow.ts";
import { percent } from "./format.ts";
import { describeOffer, listRoots, offerSize } from "./offer.ts";
import type { ProgressView } from "./progress.ts";
import { ask } from "./prompt.ts";
import { tellArrived, whatArrived } from "./transfer.ts";

interface Receiver {
  readonly context: Context;
  readonly covey: Covey;
  readonly view: ProgressView;
  readonly placement: Placement;
}

const ANSWERS = "[y]es/[n]o/[l]ater ";

/** The offer of that number or id; resolves to the exit status. One that was agreed to before, and has not ended, goes on. */
export async function receiveOne(receiver: Receiver, offer: string): Promise<number> {
  const { context, covey } = receiver;
  const open = (await covey.transfers({ signal: context.signal })).filter(isOpen);
  const begun = open.find(({ offer: { id, number } }) => id === offer || String(number) === offer);
  if (begun === undefined) return take(receiver, offer, undefined);
  if (begun.path !== undefined) context.out.note(`It goes on, into ${printable(begun.path)}.`);
  return follow(receiver, begun);
}

/** Until what was taken is here and nothing more waits, or for ever; resolves to the exit status. */
export async function receiveAll(receiver: Receiver, forever: boolean): Promise<number> {
  const { context, covey, view } = receiver;
  const { out, options, signal } = context;
  const atOnce = options.yes === true;
  const enough = new AbortController();
  const left = new Set<string>();
  const endIfIdle = async (): Promise<void> => {
    if (forever || taking.running > 0) return;
    const waiting = (await covey.inbox({ signal })).offers.filter(({ id }) => !left.has(id));
    if (waiting.length === 0 && taking.running === 0) enough.abort();
  };
  const taking = new Taking(signal, endIfIdle, (problem, first) => {
    // The command ends with the first one, unless it goes on for ever.
    if (forever || !first) view.above(() => out.warn(printable(problem.message)));
  });
  /** One question at a time, and none over a bar. */
  const start = async (name: string, run: () => Promise<number>): Promise<void> => {
    const ended = taking.start(name, run);
    if (!atOnce) await ended;
  };

  const open = (await covey.transfers({ signal })).filter(isOpen);
  const paused = open.filter((one) => one.paused === "here");
  for (const one of open) if (!paused.includes(one)) out.note(underWay(one));
  for (const one of paused) {
    if (atOnce || (await askToGoOn(one, context)) === "y") await start(one.offer.name, () => follow(receiver, one, !atOnce));
  }
  if (paused.length > 0 && !atOnce) await endIfIdle();
  if (!enough.signal.aborted && taking.running === 0 && (await covey.inbox({ signal })).offers.length === 0)
    out.note("Waiting for files (Ctrl-C ends this) …");
  try {
    for await (const offer of covey.incoming({ signal: AbortSignal.any([signal, enough.signal]) })) {
      const answer = atOnce ? "y" : await askToTake(offer, context);
      if (answer === "y") {
        await start(offer.name, () => take(receiver, offer.id, { size: offer.size, isTold: !atOnce }));
        continue;
      }
      left.add(offer.id);
      if (answer === "n") await covey.decline(offer.id, { signal });
      else out.note(`It stays: \`covey receive ${offer.number}\` takes it.`);
      await endIfIdle();
    }
  } catch (error) {
    if (!enough.signal.aborted || signal.aborted) throw error;
  } finally {
    // Each says for itself what becomes of it.
    await taking.settled();
  }
  if (taking.failure !== undefined) throw taking.failure;
  return taking.status;
}

/** What is being taken, and the worst that came of it. */
class Taking {
  status = 0;
  failure: CoveyError | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #signal: AbortSignal;
  readonly #onEnd: () => Promise<void>;
  readonly #onFailure: (problem: CoveyError, first: boolean) => void;

  constructor(signal: AbortSignal, onEnd: () => Promise<void>, onFailure: (problem: CoveyError, first: boolean) => void) {
    this.#signal = signal;
    this.#onEnd = onEnd;
    this.#onFailure = onFailure;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Resolves when it has ended, however it did; rejects with nothing. */
  async start(name: string, run: () => Promise<number>): Promise<void> {
    const running = this.#run(name, run);
    this.#running.add(running);
    await running;
    this.#running.delete(running);
    // What has failed before says why.
    await this.#onEnd().catch((error: unknown) => this.failure ?? this.#fail(name, error));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(name: string, run: () => Promise<number>): Promise<void> {
    try {
      this.status = Math.max(this.status, await run());
    } catch (error) {
      this.#fail(name, error);
    }
  }

  #fail(name: string, error: unknown): void {
    if (this.#signal.aborted) return;
    const problem = fromPlatform(error, `receive ${name}`);
    // All of them have the same end then.
    if (problem.code === "daemon-down" && this.failure?.code === "daemon-down") return;
    this.#onFailure(problem, this.failure === undefined);
    this.failure ??= problem;
  }
}

/** Agreed to here, and not ended; what was asked for belongs to `get`. */
const isOpen = ({ offer: { direction, state, sharePath } }: NamedTransfer): boolean =>
  direction === "in" && state === "accepted" && sharePath === undefined;

/** `size`: what was shown when it was agreed to. */
async function take(receiver: Receiver, offer: string, shown: { size: number; isTold: boolean } | undefined): Promise<number> {
  const { context, covey, placement } = receiver;
  const size = shown === undefined ? {} : { size: shown.size };
  return follow(receiver, await covey.accept(offer, { ...placement, ...size, signal: context.signal }), shown?.isTold);
}

/** `isTold`: somebody has just read what it is. */
async function follow({ context, covey, view }: Receiver, { offer, peerName }: NamedTransfer, isTold = false): Promise<number> {
  const { out, signal } = context;
  if (offer.kind === "tree" && !isTold)
    view.above(() => out.note(`#${offer.number} from ${printable(peerName)}: ${describeOffer(offer)}`));
  const again = `\`covey receive ${offer.number}\``;
  const { done } = await followTransfer({ context, covey, view, again }, covey.watchTransfer(offer.id, { signal }));
  let status = 0;
  view.above(() => (status = tellArrived(done, whatArrived(done, "Received", ", "), out)));
  return status;
}

const underWay = ({ offer, peerName, doneBytes }: NamedTransfer): string =>
  `#${offer.number} from ${printable(peerName)} is under way, ${percent(doneBytes, offer.size)} of ${describeOffer(offer)}: \`covey receive ${offer.number}\` shows how it goes on.`;

const askToGoOn = ({ offer, peerName, doneBytes }: NamedTransfer, { signal }: Context): Promise<string> =>
  ask(
    `Go on with ${describeOffer(offer)}, from ${printable(peerName)}, paused at ${percent(doneBytes, offer.size)}? [y]es/[l]ater `,
    signal,
  );

function askToTake(offer: NamedOffer, { out, signal }: Context): Promise<string> {
  const roots = listRoots(offer);
  const from = printable(offer.peerName);
  if (roots.length === 0) return ask(`Take ${describeOffer(offer)}, from ${from}? ${ANSWERS}`, signal);
  out.note([`#${offer.number} from ${from}: ${offerSize(offer)}`, ...roots.map((root) => `  ${root}`)].join("\n"));
  return ask(`Take all of it? ${ANSWERS}`, signal);
}
