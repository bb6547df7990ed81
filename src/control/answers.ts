// What is said of a request before, or instead of, its bytes: a value or an error, as HTTP has it.

import type { ServerResponse } from "node:http";

import type { CoveyError, ErrorCode, ErrorJson } from "../core/errors.ts";
import { JSON_TYPE } from "./wire.ts";

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  "bad-argument": 400,
  "not-found": 404,
  "not-paired": 403,
  refused: 403,
  declined: 403,
  "ticket-invalid": 403,
  conflict: 409,
  changed: 409,
  version: 426,
  unreachable: 502,
  closed: 503,
  timeout: 504,
  "no-space": 507,
};

export function sendError(response: ServerResponse, error: CoveyError, unread: boolean): void {
  // What was not read of a refused request is not waited for.
  if (unread) response.setHeader("connection", "close");
  const status = error.code === "limit" ? 413 : (STATUS[error.code] ?? 500);
  sendJson(response, status, error.toJSON() satisfies ErrorJson);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": JSON_TYPE, "content-length": body.length }).end(body);
}
