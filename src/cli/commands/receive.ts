// `receive`: takes one offer by its number, or waits for offers and asks for each.

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Covey, NamedOffer } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { parseOffer, parsePath } from "../grammar.ts";
import { examples } from "../help.ts";
import type { ProgressView } from "../progress.ts";
import { ask } from "../prompt.ts";
import { createView, failureOf, followTransfer, nameAndSize } from "../transfer.ts";

interface ReceiveOptions {
  readonly output: string;
  readonly follow?: boolean;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["receive", "wait for a file, and ask before it is taken"],
    ["receive 3 -o ~/Downloads", "take offer #3 into that directory"],
    ["receive --yes --follow -o inbox/", "take everything that is offered, until Ctrl-C"],
  );
  command
    .argument("[n]", "the number of an offer, as `covey inbox` shows it")
    .option("-o, --output <dir>", "where to", ".")
    .option("-f, --follow", "go on waiting for more")
    .action(
      act(async (context, n: string | undefined, options: ReceiveOptions) => {
        const covey = await context.covey();
        const receiver = { context, covey, into: parsePath(options.output), view: await createView(context.out) };
        try {
          if (n === undefined) await receiveAll(receiver, options.follow === true);
          else await take(receiver, parseOffer(n));
        } catch (error) {
          receiver.view.close();
          if (context.signal.aborted) context.out.note("\nWhat was taken goes on in the daemon: `covey transfers` shows it.");
          throw error;
        } finally {
          receiver.view.close();
        }
      }),
    );
};

interface Receiver {
  readonly context: Context;
  readonly covey: Covey;
  /** Absolute. */
  readonly into: string;
  readonly view: ProgressView;
}

/** Ends, without --follow, when what was taken is here and nothing more waits. */
async function receiveAll(receiver: Receiver, follow: boolean): Promise<void> {
  const { context, covey } = receiver;
  const { out, options, canAsk, signal } = context;
  if (options.yes !== true && !canAsk) {
    throw new CoveyError("bad-argument", "there is no terminal to ask on", {
      hint: "`covey receive --yes` takes everything that is offered, `covey inbox` lists it, `covey receive N` takes one.",
    });
  }
  const enough = new AbortController();
  const running = new Set<Promise<void>>();
  const left = new Set<string>();
  const endIfIdle = async (): Promise<void> => {
    if (follow || running.size > 0) return;
    const waiting = (await covey.inbox({ signal })).offers.filter(({ id }) => !left.has(id));
    if (waiting.length === 0 && running.size === 0) enough.abort();
  };
  if ((await covey.inbox({ signal })).offers.length === 0) out.note("Waiting for files (Ctrl-C ends this) …");

  let failure: CoveyError | undefined;
  const start = async (offer: NamedOffer): Promise<void> => {
    try {
      await take(receiver, offer.id, offer.size);
    } catch (error) {
      if (signal.aborted) return;
      const problem = fromPlatform(error, `receive ${offer.name}`);
      // The command ends with the first one, unless it goes on for ever.
      if (follow || failure !== undefined) out.warn(printable(problem.message));
      failure ??= problem;
    }
  };
  const offers = covey.incoming({ signal: AbortSignal.any([signal, enough.signal]) });
  try {
    for await (const offer of offers) {
      const answer = options.yes === true ? "y" : await decide(offer, context);
      if (answer === "y") {
        const taking = start(offer);
        running.add(taking);
        const ended = taking.then(() => running.delete(taking)).then(endIfIdle);
        // One question at a time, and none over a bar.
        if (options.yes === true) void ended.catch(() => {});
        else await ended;
        continue;
      }
      left.add(offer.id);
      if (answer === "n") await covey.decline(offer.id, { signal });
      else out.note(`It stays: \`covey receive ${offer.number}\` takes it.`);
      await endIfIdle();
    }
  } catch (error) {
    if (!enough.signal.aborted || signal.aborted) throw error;
  }
  if (failure !== undefined) throw failure;
}

const decide = (offer: NamedOffer, { signal }: Context): Promise<string> =>
  ask(`Take ${nameAndSize(offer)}, from ${printable(offer.peerName)}? [y]es/[n]o/[l]ater `, signal);

/** `size`: what was shown when it was agreed to. */
async function take({ context, covey, into, view }: Receiver, offer: string, size?: number): Promise<void> {
  const { out, signal } = context;
  const accepted = await covey.accept(offer, { into, ...(size === undefined ? {} : { size }), signal });
  const done = await followTransfer(covey.watchTransfer(accepted.offer.id, { signal }), view, out);
  const failure = failureOf(done);
  if (failure !== undefined) throw failure;
  if (!out.json)
    out.result(
      done,
      `Received ${printable(done.path ?? done.offer.name)}, ${nameAndSize(done.offer).split(", ").at(-1)}, verified`,
    );
}
