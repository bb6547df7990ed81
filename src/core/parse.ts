// `unknown` becomes a type here or nowhere.

import * as v from "valibot";

import { CoveyError, type ErrorCode } from "./errors.ts";
import { printable } from "./text.ts";

/** The value as the schema's type, or an error of `code` that names what was wrong and where. */
export function parse<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  what: string,
  code: ErrorCode = "protocol",
  hint?: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const where = v.getDotPath(issue);
  const message = printable(`${what}${where === null ? "" : ` (${where})`}: ${issue.message}`.slice(0, 500));
  throw new CoveyError(code, message, hint === undefined ? {} : { hint });
}
