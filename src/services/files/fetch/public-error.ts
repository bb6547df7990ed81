// What a peer hears of an error here: paths of this machine are nobody else's business.

import { CoveyError, fromPlatform } from "../../../core/errors.ts";

export function publicError(error: unknown): CoveyError {
  const { code } = fromPlatform(error, "read what was asked for");
  const gone = code === "not-found" || code === "bad-argument" || code === "protocol";
  return new CoveyError(gone ? "not-found" : code, gone ? "what was asked for is not there" : "what was asked for can't be read");
}
