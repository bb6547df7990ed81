// One value against a schema. Schemas are the program's, values a peer's: whatever a schema does with one is an answer, never an end.

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import type { DataIssue, SchemaIssue, StandardSchema } from "./contract.ts";

export type Checked<Output> =
  | { readonly value: Output; readonly invalid?: undefined }
  | { readonly invalid: readonly DataIssue[] };

/** Throws `bad-argument` for what is no schema. */
export function assertSchema(schema: StandardSchema): void {
  const standard = (schema as Partial<StandardSchema> | undefined)?.["~standard"];
  if (standard?.version === 1 && typeof standard.validate === "function") return;
  throw new CoveyError("bad-argument", "the schema is not one of Standard Schema, version 1", {
    hint: "valibot, zod 3.24 and later, arktype and others make them: https://standardschema.dev.",
  });
}

/** Never rejects: a schema that throws refuses the value. The value is the schema's to keep. */
export async function check<Output>(schema: StandardSchema<unknown, Output>, value: unknown): Promise<Checked<Output>> {
  try {
    const result = await schema["~standard"].validate(value);
    return result.issues === undefined ? { value: result.value } : { invalid: issuesOf(result.issues) };
  } catch (error) {
    return {
      invalid: [{ message: shown(`the schema failed: ${error instanceof Error ? error.message : String(error)}`), path: [] }],
    };
  }
}

/** "text: Invalid type; done: Invalid key". */
export const inWords = (issues: readonly DataIssue[]): string =>
  issues.map(({ message, path }) => (path.length === 0 ? message : `${shown(path.join("."))}: ${message}`)).join("; ");

const issuesOf = (issues: readonly SchemaIssue[]): readonly DataIssue[] =>
  issues.length === 0
    ? [{ message: "the schema refuses it", path: [] }]
    : issues.slice(0, LIMITS.dataIssues).map(({ message, path = [] }) => ({ message: shown(message), path: path.map(stepOf) }));

function stepOf(step: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof step === "object" ? step.key : step;
  return typeof key === "number" ? key : String(key);
}

/** Libraries repeat in their messages what they were given. */
const shown = (text: string): string => printable(text.slice(0, LIMITS.dataIssueLength));
