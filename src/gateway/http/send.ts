// An answer on its way to the client, in constant memory:
//
//  1. the head; for plain clients in a write of its own, and then a pause: they take their first read for the head
//  2. the body, block by block: while one is being written the next one is read, but not for a client that is slow
//  3. the last block of a file is held back until it is seen that its bytes are still those whose length and tag were told; else the
//     connection is cut, and nobody takes a mixture for a whole

import type { ServerResponse } from "node:http";

import { sleep } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { type Answer, type FileBody, bodyLength } from "./answer.ts";
import type { SendBuffers } from "./send-buffers.ts";

export interface SendOptions {
  /** To a request with HEAD. */
  readonly headOnly: boolean;
  /** The client may be a socket program of twenty lines. */
  readonly plain: boolean;
  readonly buffers: SendBuffers;
  readonly clock: Clock;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
  /** Bytes of the body, as the system takes them. */
  onSent(bytes: number): void;
}

/** Resolves when the system has taken all of it. Rejects with `changed`, the signal's reason, or what Node threw; it is then to be cut. */
export async function send(response: ServerResponse, answer: Answer, options: SendOptions): Promise<void> {
  const { status, headers, body } = answer;
  const { headOnly, plain, signal } = options;
  // RFC 9110: neither is the length of a 304 that of its body.
  const length = status === 304 ? {} : { "Content-Length": bodyLength(body) };
  response.writeHead(status, { ...headers, ...length });
  const out = new Out(response, options);
  if (headOnly || bodyLength(body) === 0 || body === undefined) return out.end();
  if (plain) {
    response.flushHeaders();
    await sleep(LIMITS.gatewayPlainPauseMs, signal);
  }
  if (Buffer.isBuffer(body)) return out.end(body);
  await sendFile(out, body, options.buffers);
}

/** The response, as something whose writes can be waited for. */
class Out {
  readonly #response: ServerResponse;
  readonly #options: SendOptions;
  /** It took the last block quickly. */
  isFast = true;

  constructor(response: ServerResponse, options: SendOptions) {
    this.#response = response;
    this.#options = options;
  }

  write(bytes: Buffer): Promise<void> {
    return this.#taken(bytes.length, (done) => this.#response.write(bytes, done));
  }

  end(bytes?: Buffer): Promise<void> {
    return this.#taken(bytes?.length ?? 0, (done) => (bytes ? this.#response.end(bytes, done) : this.#response.end(done)));
  }

  #taken(length: number, start: (done: (error?: Error | null) => void) => void): Promise<void> {
    const { signal, clock, onSent } = this.#options;
    const begunMs = clock.monotonicMs();
    const taken = new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      // What was written last is never heard of again when the connection is cut.
      const gone = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", gone, { once: true });
      start((error) => {
        signal.removeEventListener("abort", gone);
        if (error) return reject(error);
        this.isFast = clock.monotonicMs() - begunMs < LIMITS.gatewaySlowMs;
        onSent(length);
        resolve();
      });
    });
    // It is waited for later, while the next block is read; when that fails, by nobody.
    taken.catch(() => {});
    return taken;
  }
}

async function sendFile(out: Out, { file, pieces }: FileBody, buffers: SendBuffers): Promise<void> {
  const lastRange = pieces.findLast((piece) => !Buffer.isBuffer(piece));
  let writing: Promise<void> = Promise.resolve();
  for (const [index, piece] of pieces.entries()) {
    const isEnd = index === pieces.length - 1;
    if (Buffer.isBuffer(piece)) {
      await writing;
      writing = isEnd ? out.end(piece) : out.write(piece);
      continue;
    }
    for (let at = piece.start; at <= piece.end;) {
      if (!out.isFast) await writing;
      const block = buffers.take(piece.end - at + 1, out.isFast);
      const isLast = at + block.length > piece.end;
      try {
        const isWhole = await file.readInto(block, at);
        if (!isWhole || (isLast && piece === lastRange && !(await file.hasSameBytes()))) throw changed();
        await writing;
      } catch (error) {
        buffers.give(block);
        throw error;
      }
      at += block.length;
      writing = handOver(block, buffers, isLast && isEnd ? out.end(block) : out.write(block));
    }
  }
  await writing;
}

/** Waited for later: when something else fails before, nobody does. */
function handOver(block: Buffer, buffers: SendBuffers, written: Promise<void>): Promise<void> {
  const over = written.then(
    () => buffers.give(block),
    (error: unknown) => {
      buffers.drop(block);
      throw error;
    },
  );
  over.catch(() => {});
  return over;
}

const changed = (): CoveyError => new CoveyError("changed", "the file changed while it was sent");
