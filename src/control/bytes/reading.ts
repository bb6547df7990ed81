// Items of bytes as a duplex that nobody writes to.

import { untilAborted } from "../../core/async.ts";
import { CoveyError, fromPlatform } from "../../core/errors.ts";
import type { Stream } from "../../session/contract.ts";

/** Resolves with the first bytes, so that whatever can't be opened is said before. */
export async function reading(open: (signal: AbortSignal) => AsyncIterable<Buffer>, opening: AbortSignal): Promise<Stream> {
  const ending = new AbortController();
  const closed = Promise.withResolvers<CoveyError | undefined>();
  const items = open(ending.signal)[Symbol.asyncIterator]();
  const over = { read: false, written: false };
  const settle = (): void => {
    if (over.read && over.written) closed.resolve(undefined);
  };
  const cut = (why: CoveyError): void => {
    closed.resolve(why);
    ending.abort(why);
    items.return?.().catch(() => {});
  };
  let next: Promise<IteratorResult<Buffer>> | undefined = items.next();
  try {
    await untilAborted(next, opening);
  } catch (error) {
    cut(new CoveyError("closed", "nobody reads this any more"));
    throw error;
  }
  return {
    write: () => Promise.reject(new CoveyError("bad-argument", "this can only be read")),
    async end() {
      over.written = true;
      settle();
    },
    async read() {
      if (over.read) return null;
      try {
        const item = await untilAborted(next ?? items.next(), ending.signal);
        next = undefined;
        if (item.done !== true) return item.value;
        over.read = true;
        settle();
        return null;
      } catch (error) {
        const why = fromPlatform(error, "read it");
        cut(why);
        throw why;
      }
    },
    reset() {
      if (!(over.read && over.written)) cut(new CoveyError("closed", "the stream was reset here"));
    },
    closed: closed.promise,
  };
}
