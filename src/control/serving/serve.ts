// A serving that this program opened: its events are one stream, whose first item is the serving, and which holds it open.

import { isAbsolute } from "node:path";

import { CoveyError } from "../../core/errors.ts";
import type { Serving, ServingEvent } from "../../gateway/contract.ts";
import type { CallOptions } from "../call-options.ts";
import type { ServeOptions, ServingHandle } from "../covey.ts";
import type { Invoke } from "../invoker.ts";

export async function openServing(bound: Invoke, { signal, ...options }: CallOptions & ServeOptions): Promise<ServingHandle> {
  if (options.directory !== undefined && !isAbsolute(options.directory))
    throw new CoveyError("bad-argument", `the path ${JSON.stringify(options.directory)} is not absolute`, {
      hint: "path.resolve() makes it so.",
    });
  const ending = new AbortController();
  signal?.addEventListener("abort", () => ending.abort(signal.reason), { once: true });
  signal?.throwIfAborted();
  const source = bound.stream("serve.open", options, ending.signal)[Symbol.asyncIterator]();
  const first = await source.next();
  if (first.done === true || first.value.type !== "serving")
    throw new CoveyError("protocol", "the serving did not say what it is");
  return handle(first.value.serving, source, ending);
}

function handle(serving: Serving, source: AsyncIterator<ServingEvent>, ending: AbortController): ServingHandle {
  return {
    serving,
    async *events({ signal }: CallOptions = {}) {
      signal?.throwIfAborted();
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
    },
    async [Symbol.asyncDispose]() {
      ending.abort(new CoveyError("closed", "this serving was ended"));
      await source.return?.();
    },
  };
}
