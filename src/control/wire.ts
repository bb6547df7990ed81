// How an operation looks on the daemon's socket. HTTP/1.1: POST /v1/<operation> with the arguments as JSON; the answer to a call is
// its value as JSON (204: undefined) or an ErrorJson with a status that fits; a stream is one JSON record a line and ends with an
// `end` or an `error` record, never by just stopping. A duplex is asked for with an Upgrade, arguments and errors as for a call; after
// the 101 both sides send frames.ts. Both sides state their version on every call.

import type { ErrorJson } from "../core/errors.ts";

export const PATH_PREFIX = "/v1/";
export const VERSION_HEADER = "covey-version";
export const JSON_TYPE = "application/json";
export const UPGRADE = "covey-stream";
export const LINES_TYPE = "application/x-ndjson";

/** One line of a stream. */
export type StreamRecord = { readonly item: unknown } | { readonly error: ErrorJson } | { readonly end: true };
