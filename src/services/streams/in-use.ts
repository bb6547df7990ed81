// How long somebody has a stream: it may be over, both directions ended, long before what came is read.

import type { Stream } from "../../session/contract.ts";

/** The same stream; `done` resolves, never rejects, once it was cut, was given up by `reset`, or is over and was read to its end. */
export function inUse(stream: Stream): { readonly stream: Stream; readonly done: Promise<void> } {
  const left = Promise.withResolvers<void>();
  const over = stream.closed.then((why) => why !== undefined && left.resolve());
  return {
    stream: {
      write: (chunk) => stream.write(chunk),
      end: () => stream.end(),
      async read() {
        const chunk = await stream.read();
        if (chunk === null) left.resolve();
        return chunk;
      },
      reset() {
        left.resolve();
        stream.reset();
      },
      closed: stream.closed,
    },
    done: Promise.all([left.promise, over]).then(() => {}),
  };
}
