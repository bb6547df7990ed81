// The list of a plain program: `get_data` is answered by its values with commas between, `update_data,a,b` by `update_ack`. What the
// program greets with belongs to neither.

import { CoveyError } from "../core/errors.ts";
import { printable } from "../core/text.ts";
import { ask } from "./message.ts";

export async function getList(url: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const { text } = await ask(url, "get_data", { signal, greetingApart: true });
  const line = withoutLineEnds(text);
  return line === "" ? [] : line.split(",");
}

export async function setList(url: string, values: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  assertSendable(values);
  const { text } = await ask(url, ["update_data", ...values].join(","), { signal, greetingApart: true });
  const answer = withoutLineEnds(text);
  if (answer === "update_ack") return;
  const said = answer === "" ? "it closed without a word" : `it answered ${printable(JSON.stringify(answer.slice(0, 200)))}`;
  throw new CoveyError("refused", `the list was not acknowledged: ${said}`, {
    hint: "See that the program over there keeps a list, and lets others change it; `covey data get` with its address shows what it has.",
  });
}

function assertSendable(values: readonly string[]): void {
  const wrong = (why: string): CoveyError =>
    new CoveyError("bad-argument", why, {
      hint: "Leave it out, or keep the list as data between two coveys, where a value is anything.",
    });
  for (const value of values) {
    if (/[,\r\n]/.test(value))
      throw wrong(
        `${printable(JSON.stringify(value.slice(0, 200)))} has a comma or a line end, which would make it two values there`,
      );
  }
  if (values.length === 1 && values[0] === "") throw wrong("a list of one empty text can't be told from an empty list there");
}

const withoutLineEnds = (text: string): string => text.replace(/^[\r\n]+|[\r\n]+$/g, "");
