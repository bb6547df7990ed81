// What a Covey is built over.

import type { Stream } from "../session/contract.ts";
import type { CallName, CallResult, DuplexName, OperationArgs, StreamItem, StreamName } from "./operations.ts";

/** Values given and returned are JSON-plain. Aborting rejects with the signal's reason. */
export interface Invoker {
  call<Name extends CallName>(name: Name, args: OperationArgs<Name>, signal: AbortSignal): Promise<CallResult<Name>>;
  stream<Name extends StreamName>(name: Name, args: OperationArgs<Name>, signal: AbortSignal): AsyncIterable<StreamItem<Name>>;
  /** Open both ways once it resolves; the signal ends the opening, not the stream. */
  duplex<Name extends DuplexName>(name: Name, args: OperationArgs<Name>, signal: AbortSignal): Promise<Stream>;
  close(): Promise<void>;
}

/** An Invoker whose calls also end when the Covey is closed. */
export interface Invoke {
  call<Name extends CallName>(name: Name, args: OperationArgs<Name>, signal?: AbortSignal): Promise<CallResult<Name>>;
  stream<Name extends StreamName>(name: Name, args: OperationArgs<Name>, signal?: AbortSignal): AsyncIterable<StreamItem<Name>>;
  /** Reset, too, when the Covey is closed. */
  duplex<Name extends DuplexName>(name: Name, args: OperationArgs<Name>, signal?: AbortSignal): Promise<Stream>;
  /** What ends a call that is given this signal. */
  readonly until: (signal: AbortSignal | undefined) => AbortSignal;
}
