// The head of an answer, as servers of twenty lines write it: line ends with or without CR, fields indented as in their source, empty lines
// before it, nothing but the status line; or none at all, where the file is all that they send. Pure.

import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import { badAnswer } from "./bad-answer.ts";

export interface AnswerHead {
  readonly status: number;
  /** What the server says of it, on one line; "" when it says nothing. */
  readonly reason: string;
  /** By names in lower case; what came several times is joined by ", ". Latin-1, as it came. */
  readonly fields: ReadonlyMap<string, string>;
}

interface Parsed {
  /** undefined: there is none, all of it is the file. */
  readonly head: AnswerHead | undefined;
  /** Where the body begins. */
  readonly end: number;
}

const MARK = "HTTP/";
/** A text literal in the source of a server often begins with a line end. */
const BLANKS = 16;

/** What came so far; undefined: more is needed. Throws `protocol`. */
export function parseHead(bytes: Buffer, hasEnded: boolean): Parsed | undefined {
  let at = 0;
  while (at < BLANKS && isBlank(bytes[at])) at++;
  const begin = bytes.toString("latin1", at, at + MARK.length).toUpperCase();
  if (!MARK.startsWith(begin) || (hasEnded && begin !== MARK)) return { head: undefined, end: 0 };
  if (begin !== MARK) return undefined;

  const lines: string[] = [];
  for (;;) {
    const end = bytes.indexOf(0x0a, at);
    if (end >= LIMITS.plainHeadBytes || (end < 0 && bytes.length > LIMITS.plainHeadBytes))
      throw badAnswer(`the head of the answer has more than ${LIMITS.plainHeadBytes} bytes`);
    if (end < 0) return undefined;
    const line = bytes.toString("latin1", at, end).replace(/\r$/, "");
    at = end + 1;
    if (line === "") return { head: headOf(lines), end: at };
    lines.push(line);
  }
}

function headOf([first = "", ...lines]: readonly string[]): AnswerHead {
  const [, status, reason = ""] = /^HTTP\/\d+(?:\.\d+)?[ \t]+([1-5]\d\d)(?:[ \t]+(.*))?$/i.exec(first) ?? [];
  if (status === undefined) throw badAnswer(`"${printable(first.slice(0, 200))}" does not begin an HTTP answer`);
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^\s*([^\s:]+)[ \t]*:(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const key = name.toLowerCase();
    const before = fields.get(key);
    fields.set(key, before === undefined ? value!.trim() : `${before}, ${value!.trim()}`);
  }
  return { status: Number(status), reason: printable(reason.slice(0, 200)), fields };
}

const isBlank = (byte: number | undefined): boolean => byte === 0x0d || byte === 0x0a || byte === 0x20 || byte === 0x09;

/** What stands in a field, which many servers write as UTF-8 though it was read as Latin-1. */
export function textOf(field: string): string {
  const text = Buffer.from(field, "latin1").toString();
  return /[^\u0000-\u00ff]/.test(field) || text.includes("\ufffd") ? field : text;
}
