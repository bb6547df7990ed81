// What a Covey is built over.

import type { CallName, CallResult, OperationArgs, StreamItem, StreamName } from "./operations.ts";

/** Values given and returned are JSON-plain. Aborting rejects with the signal's reason. */
export interface Invoker {
  call<Name extends CallName>(name: Name, args: OperationArgs<Name>, signal: AbortSignal): Promise<CallResult<Name>>;
  stream<Name extends StreamName>(name: Name, args: OperationArgs<Name>, signal: AbortSignal): AsyncIterable<StreamItem<Name>>;
  close(): Promise<void>;
}

/** An Invoker whose calls also end when the Covey is closed. */
export interface Invoke {
  call<Name extends CallName>(name: Name, args: OperationArgs<Name>, signal?: AbortSignal): Promise<CallResult<Name>>;
  stream<Name extends StreamName>(name: Name, args: OperationArgs<Name>, signal?: AbortSignal): AsyncIterable<StreamItem<Name>>;
  /** What ends a call that is given this signal. */
  readonly until: (signal: AbortSignal | undefined) => AbortSignal;
}
