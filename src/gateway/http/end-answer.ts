// The end of an answer whose request may still be on its way.

import type { IncomingMessage, ServerResponse } from "node:http";

import { sleep } from "../../core/async.ts";
import { LIMITS } from "../../core/limits.ts";

/**
 * Writes the body and ends the answer. What the client still sends is taken and dropped for LIMITS.lingerMs: one that is sending reads
 * nothing, and a connection that is closed with something unread takes the answer with it. The head must give the length.
 */
export async function endAnswer(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
  if (!request.complete && !request.socket.readableEnded) {
    response.write(body);
    await dropBody(request);
    response.end();
  } else response.end(body);
}

async function dropBody(request: IncomingMessage): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  request.on("end", end).on("close", end).on("error", end).resume();
  request.socket.on("end", end);
  await sleep(LIMITS.lingerMs, over.signal).catch(() => {});
  request.socket.off("end", end);
}
