// Two streams become one: what comes out of each goes into the other, no faster than it is taken; ends stay ends, cuts stay cuts.

import { fromPlatform, type CoveyError } from "../../core/errors.ts";
import type { Stream } from "../../session/contract.ts";

/** A stream that can tell its other side why it is cut. */
export interface Cuttable extends Stream {
  cut(why: CoveyError): void;
}

/** Resolves, never rejects, when both are over. */
export async function join(outer: Cuttable, inner: Stream): Promise<void> {
  const cutBoth = (error: unknown): void => {
    outer.cut(fromPlatform(error, "carry the stream"));
    inner.reset();
  };
  // Also while nobody reads or writes.
  for (const stream of [outer, inner]) void stream.closed.then((why) => why !== undefined && cutBoth(why));
  await Promise.all([carry(outer, inner).catch(cutBoth), carry(inner, outer).catch(cutBoth)]);
  await Promise.all([outer.closed, inner.closed]);
}

async function carry(from: Stream, to: Stream): Promise<void> {
  for (let chunk; (chunk = await from.read()) !== null;) await to.write(chunk);
  await to.end();
}
