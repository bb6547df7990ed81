// Runs one operation of the table: arguments that are `unknown` become what it takes, and the result becomes plain JSON.

import { untilAborted } from "../core/async.ts";
import { CoveyError } from "../core/errors.ts";
import { parse } from "../core/parse.ts";
import type { Peer } from "../peer/contract.ts";
import type { Stream } from "../session/contract.ts";
import type { Invoker } from "./invoker.ts";
import {
  OPERATIONS,
  type CallName,
  type DuplexName,
  type OperationKind,
  type OperationName,
  type StreamName,
} from "./operations.ts";

/** The name, when there is such an operation. */
export const operationNamed = (name: string): OperationName | undefined =>
  Object.hasOwn(OPERATIONS, name) ? (name as OperationName) : undefined;

export const isCall = (name: OperationName): name is CallName => kindOf(name) === "call";

export const kindOf = (name: OperationName): OperationKind => OPERATIONS[name].kind;

/** Rejects with `bad-argument`, with what the operation rejects with, or with the signal's reason. */
export async function runCall(peer: Peer, name: CallName, args: unknown, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const run = OPERATIONS[name].run as (peer: Peer, args: unknown, signal: AbortSignal) => Promise<unknown>;
  return untilAborted(run(peer, argumentsOf(name, args), signal), signal);
}

/** Resolves once the arguments are found to be right; the items then come until the signal aborts. */
export async function runStream(
  peer: Peer,
  name: StreamName,
  args: unknown,
  signal: AbortSignal,
): Promise<AsyncIterable<unknown>> {
  signal.throwIfAborted();
  const run = OPERATIONS[name].run as (peer: Peer, args: unknown, signal: AbortSignal) => Promise<AsyncIterable<unknown>>;
  return untilAborted(run(peer, argumentsOf(name, args), signal), signal);
}

/** Resolves to the operation's own duplex, open both ways. */
export async function runDuplex(peer: Peer, name: DuplexName, args: unknown, signal: AbortSignal): Promise<Stream> {
  signal.throwIfAborted();
  const run = OPERATIONS[name].run as (peer: Peer, args: unknown, signal: AbortSignal) => Promise<Stream>;
  const opening = run(peer, argumentsOf(name, args), signal);
  try {
    return await untilAborted(opening, signal);
  } catch (error) {
    void opening.then(
      (stream) => stream.reset(),
      () => {},
    );
    throw error;
  }
}

const argumentsOf = (name: OperationName, args: unknown): unknown =>
  parse(OPERATIONS[name].args, args, name, "bad-argument", "docs/api.md has the type of everything that a method takes.");

/**
 * Operations on a peer in this process. Arguments and results are taken through JSON, as on the socket, so that both accept and
 * return exactly the same, and no caller gets hold of what is inside.
 */
export function localInvoker(peer: Peer, close: () => Promise<void>): Invoker {
  return {
    call: async (name, args, signal) => plain(await runCall(peer, name, plain(args), signal)) as never,
    async *stream(name, args, signal) {
      const ending = new AbortController();
      try {
        const items = await runStream(peer, name, plain(args), AbortSignal.any([signal, ending.signal]));
        for await (const item of items) yield plain(item) as never;
      } finally {
        ending.abort(new CoveyError("closed", "nobody reads this any more"));
      }
    },
    duplex: (name, args, signal) => runDuplex(peer, name, plain(args), signal),
    close,
  };
}

const plain = (value: unknown): unknown => (value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown));
