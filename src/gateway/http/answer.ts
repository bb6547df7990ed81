// An answer before it is sent: all that is known of it. Pure.

import { wantsPage } from "./accept.ts";
import { PAGE_HEADERS } from "./pages/page.ts";
import { meaningOf, renderProblem } from "./pages/problem.ts";
import type { Range } from "./ranges.ts";
import type { ServedFile } from "./served-file.ts";

export interface Answer {
  readonly status: number;
  /** Without Content-Length and Connection. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  /** To be called once when it was sent, or will not be. */
  readonly over?: () => void;
}

export type Body = Buffer | FileBody | undefined;

/** The answer holds the file; whoever sends it, or does not, releases it. */
export interface FileBody {
  readonly file: ServedFile;
  /** In order: text of our own, and parts of the file. */
  readonly pieces: readonly (Buffer | Range)[];
}

const lengthOf = (piece: Buffer | Range): number => (Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start + 1);

export function bodyLength(body: Body): number {
  if (body === undefined || Buffer.isBuffer(body)) return body?.length ?? 0;
  return body.pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
}

/** Of every answer that is no file and no page: a page elsewhere, which can't read it, must not see either whether there is one. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-cache",
};

export const page = (status: number, html: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { ...PAGE_HEADERS, ...headers },
  body: Buffer.from(html),
});

export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: {
    ...headers,
    ...COMMON_HEADERS,
    "Content-Type": "application/json",
    Vary: "Accept",
  },
  body: Buffer.from(`${JSON.stringify(value)}\n`),
});

export interface Problem {
  readonly status: number;
  /** undefined: what the status means. */
  readonly why?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A page for who wants one, a line for everybody else. */
export function problem({ status, why, headers = {} }: Problem, accept: string | undefined): Answer {
  if (wantsPage(accept)) {
    const html = renderProblem({ status, problem: why, hint: undefined, back: undefined });
    return page(status, html, { ...headers, Vary: "Accept" });
  }
  return {
    status,
    headers: {
      ...COMMON_HEADERS,
      "Content-Type": "text/plain; charset=utf-8",
      ...headers,
      Vary: "Accept",
    },
    body: Buffer.from(`${status}: ${why ?? meaningOf(status)[1]}\n`),
  };
}
