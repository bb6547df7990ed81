// A serving that this program opened: `serve.open` is one stream, whose first item is the serving, and which holds it open.
//
//  1. the stream is asked for: its first item says that it is served, and where
//  2. the rest is read as fast as somebody reads it here; what nobody reads waits over there, bounded
//  3. disposal removes it by a call of its own: once that is answered, it has ended

import { isAbsolute } from "node:path";

import { untilAborted } from "../../core/async.ts";
import { CoveyError } from "../../core/errors.ts";
import type { ServingEvent } from "../../gateway/contract.ts";
import type { CallOptions } from "../call-options.ts";
import type { ServeOptions, ServingHandle } from "../covey.ts";
import type { Invoke } from "../invoker.ts";

export async function openServing(bound: Invoke, { signal, ...options }: CallOptions & ServeOptions): Promise<ServingHandle> {
  if (options.directory !== undefined && !isAbsolute(options.directory))
    throw new CoveyError("bad-argument", `the path ${JSON.stringify(options.directory)} is not absolute`, {
      hint: "path.resolve() makes it so.",
    });
  const ending = new AbortController();
  const until = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
  const items = bound.stream("serve.open", options, until)[Symbol.asyncIterator]();
  const first = await items.next();
  if (first.done === true || first.value.type !== "serving")
    throw new CoveyError("protocol", "the serving did not say what it is");
  const { serving } = first.value;
  return {
    serving,
    events: oneReader(items),
    async [Symbol.asyncDispose]() {
      if (!serving.settings.keep) await remove(bound, serving.id);
      ending.abort(new CoveyError("closed", "nobody follows this serving any more"));
      await items.return?.().catch(() => {});
    },
  };
}

/** One reader at a time; a later one goes on where the one before stopped, and nothing is lost between them. */
function oneReader(items: AsyncIterator<ServingEvent>): ServingHandle["events"] {
  let reading = false;
  // Asked for by a reader who has given up before it came.
  let next: Promise<IteratorResult<ServingEvent>> | undefined;
  return async function* ({ signal } = {}) {
    signal?.throwIfAborted();
    if (reading)
      throw new CoveyError("conflict", "somebody reads what happens on this serving already", {
        hint: "It is for one reader: let that one tell the others.",
      });
    reading = true;
    try {
      for (;;) {
        next ??= items.next();
        next.catch(() => {});
        const item = await untilAborted(next, signal);
        next = undefined;
        if (item.done === true) return;
        yield item.value;
        signal?.throwIfAborted();
      }
    } finally {
      reading = false;
    }
  };
}

async function remove(bound: Invoke, serving: string): Promise<void> {
  try {
    await bound.call("serve.remove", { serving });
  } catch (error) {
    // It has ended in another way; and a peer that is gone serves nothing.
    if (!(error instanceof CoveyError && ["not-found", "closed", "daemon-down"].includes(error.code))) throw error;
  }
}
