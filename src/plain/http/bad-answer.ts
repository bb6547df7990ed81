// An answer that can't be understood.

import { CoveyError } from "../../core/errors.ts";

export const badAnswer = (why: string): CoveyError =>
  new CoveyError("protocol", why, { hint: "That is a fault of the program over there: `curl -v URL` shows what it says." });
