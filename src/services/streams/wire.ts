// How a stream is asked for: a request to streams/open with {name}, answered with {} and the stream's bytes. Whoever takes nothing under
// that name, or takes it from others only, answers `refused`, the same for both.

import * as v from "valibot";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { parse } from "../../core/parse.ts";
import { printable } from "../../core/text.ts";

export const OPEN_ROUTE = "streams/open";

const OpenArgs = v.object({ name: v.string() });

/** Throws `protocol`, or `bad-argument` for a name that can't be one. */
export const parseOpen = (args: unknown): string => parseStreamName(parse(OpenArgs, args, "a request for a stream").name);

/** The name in NFC: 1 to 64 bytes of printable UTF-8. Throws `bad-argument`. */
export function parseStreamName(text: string): string {
  const name = text.length > LIMITS.streamNameBytes ? text : text.normalize("NFC");
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= LIMITS.streamNameBytes && printable(name) === name) return name;
  throw new CoveyError("bad-argument", `${JSON.stringify(printable(text.slice(0, 80)))} can't be the name of a stream`, {
    hint: `A name has 1 to ${LIMITS.streamNameBytes} bytes of text on one line.`,
  });
}
