// JSON for `--json`: one value a line, and safe on a terminal.

// What JSON.stringify leaves as it is but a terminal could obey: C1 controls, bidi overrides, tags, line separators.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;

const escape = (unsafe: string): string =>
  Array.from({ length: unsafe.length }, (_, i) => `\\u${unsafe.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");

/** undefined becomes null. Every line break and control is inside a string, so an escape there means the same. */
export const jsonLine = (value: unknown): string => `${JSON.stringify(value ?? null).replace(UNSAFE, escape)}\n`;
