// One file, asked for by HTTP.
//
//   1. connect; send the head in one write; read the head of the answer, if there is one
//   2. a redirect is followed, by http alone, a few times, and never back to this machine from far away
//   3. a status that is not the file is an error
//   4. the body is read at its reader's pace, and must be as long as the server said

import { CoveyError } from "../../core/errors.ts";
import { mayBeTold, parseIp } from "../../core/ip.ts";
import { LIMITS } from "../../core/limits.ts";
import { printable } from "../../core/text.ts";
import type { Plain } from "../contract.ts";
import { dial } from "../tcp/dial.ts";
import type { PlainSocket } from "../tcp/socket.ts";
import { hostPortOf, parseHttpUrl, USE_ANOTHER } from "../urls.ts";
import { badAnswer } from "./bad-answer.ts";
import { ChunkedBody } from "./chunks.ts";
import { type Framing, framingOf } from "./framing.ts";
import { type AnswerHead, parseHead, textOf } from "./head.ts";
import { type Remainder, requestHead, type Wanted } from "./request.ts";

/** Exactly one of `body` and `drop` is to be called. */
export interface Answer {
  /** Where it is from, behind all redirects. */
  readonly url: URL;
  /** undefined: the server sends the file and nothing else. */
  readonly head: AnswerHead | undefined;
  readonly framing: Framing;
  /** Rejects with `connection-lost` when it ends too early, `timeout` when nothing comes for LIMITS.plainIdleMs. */
  body(): AsyncGenerator<Buffer, void>;
  drop(): void;
}

/**
 * The answer to one GET: status 200 or another that brings a file, 206 and 416 only with a remainder. Rejects with `unreachable`,
 * `not-found`, `refused`, `protocol`, `connection-lost`, `timeout`, `limit`.
 */
export async function getAnswer(url: URL, remainder: Remainder | undefined, signal: AbortSignal | undefined): Promise<Answer> {
  let at = url;
  let via: Buffer | undefined;
  for (let redirects = 0; redirects <= LIMITS.plainRedirects; redirects++) {
    const answer = await exchange(at, remainder, { via, signal });
    const next = redirectOf(answer.head, at);
    if (next === undefined) {
      assertFile(answer, remainder);
      return answer;
    }
    answer.drop();
    via = answer.ip;
    at = next;
  }
  throw badAnswer(`${url.host} sends from one address to the next more than ${LIMITS.plainRedirects} times`);
}

/** The bytes of a file as they come. */
export async function* readUrl(
  url: string,
  { signal, onUnverifiable }: NonNullable<Parameters<Plain["read"]>[1]>,
): AsyncGenerator<Buffer, void> {
  const answer = await getAnswer(parseHttpUrl(url), undefined, signal);
  yield* answer.body();
  if (answer.framing.by === "close") onUnverifiable?.();
}

/** `via`: the server that sent on to this one. Whatever the status is. */
export async function exchange(
  url: URL,
  wanted: Wanted,
  { via, signal }: { readonly via?: Buffer | undefined; readonly signal: AbortSignal | undefined },
): Promise<Answer & { readonly ip: Buffer | undefined }> {
  const request = requestHead(url, wanted);
  const socket = await dial(hostPortOf(url), signal);
  try {
    const ip = parseIp(socket.ip);
    if (via !== undefined && (ip === undefined || !mayBeTold(ip, via)))
      throw new CoveyError(
        "refused",
        `the server sends on to ${url.host}, which is nearer to this device than the server itself`,
        {
          hint: "If that is what you want, ask for that address.",
        },
      );
    await socket.write(request);
    const head = await readHead(socket);
    const framing = framingOf(head);
    return { url, ip, head, framing, body: () => readBody(socket, framing), drop: () => socket.leave() };
  } catch (error) {
    socket.cut();
    throw error;
  }
}

/** What comes before it, such as "100 Continue", is read over. */
async function readHead(socket: PlainSocket): Promise<AnswerHead | undefined> {
  let bytes = Buffer.alloc(0);
  let headBytes = 0;
  let deadlineMs: number | undefined;
  for (;;) {
    const leftMs = deadlineMs === undefined ? LIMITS.plainAnswerMs : deadlineMs - performance.now();
    if (!(await socket.ready(Math.max(0, leftMs))))
      throw new CoveyError("timeout", `${socket.remote} did not answer within ${LIMITS.plainAnswerMs / 1000} s`, {
        hint: "See what the program over there is busy with, or whether it speaks HTTP at all.",
      });
    deadlineMs ??= performance.now() + LIMITS.plainAnswerMs;
    const more = await socket.read();
    if (more !== null) bytes = Buffer.concat([bytes, more]);
    else if (bytes.length === 0) throw tooEarly(socket, "closed without an answer");
    // Several heads may come together.
    while (bytes.length > 0) {
      const parsed = parseHead(bytes, more === null);
      if (parsed === undefined) break;
      headBytes += parsed.end;
      if (headBytes > LIMITS.plainHeadBytes) throw badAnswer("the answer has no end of heads");
      bytes = bytes.subarray(parsed.end);
      if (parsed.head !== undefined && parsed.head.status < 200) continue;
      socket.unread(bytes);
      return parsed.head;
    }
    if (more === null) throw tooEarly(socket, "closed in the middle of the head of its answer");
  }
}

const REDIRECTS = [301, 302, 303, 307, 308];

function redirectOf(head: AnswerHead | undefined, from: URL): URL | undefined {
  if (head === undefined || !REDIRECTS.includes(head.status)) return undefined;
  const location = textOf(head.fields.get("location") ?? "");
  if (location === "") throw badAnswer(`${from.host} sends on, and does not say where to`);
  try {
    return parseHttpUrl(location, from);
  } catch (error) {
    const where = printable(location.slice(0, 200));
    throw new CoveyError("refused", `${from.host} sends on to "${where}", where covey does not follow`, {
      hint: /^https:/i.test(location) ? USE_ANOTHER : "It is no plain http:// address: ask the person over there for one.",
      cause: error,
    });
  }
}

function assertFile({ url, head, drop }: Answer, remainder: Remainder | undefined): void {
  const status = head?.status ?? 200;
  if (remainder !== undefined && (status === 206 || status === 416)) return;
  if (status >= 200 && status < 300 && status !== 206) return;
  drop();
  const said = `${url.host} answered ${status}${head!.reason === "" ? "" : ` ${head!.reason}`}`;
  const details = { status };
  if (status === 404 || status === 410)
    throw new CoveyError("not-found", `${printable(url.pathname)} is not there: ${said}`, {
      hint: "Check how the address is written: capitals count.",
      details,
    });
  if (status === 206) throw badAnswer(`${said}, a part of a file, though all of it was asked for`);
  throw new CoveyError("refused", said, { hint: "Open the address in a browser: it may show why.", details });
}

async function* readBody(socket: PlainSocket, framing: Framing): AsyncGenerator<Buffer, void> {
  let isWhole = false;
  try {
    if (framing.by === "length") yield* readLength(socket, framing.length);
    else if (framing.by === "chunks") yield* readChunks(socket);
    else for (let bytes = await next(socket); bytes !== null; bytes = await next(socket)) yield bytes;
    isWhole = true;
  } finally {
    if (isWhole) socket.leave();
    else socket.cut();
  }
}

/** What comes beyond it is not the file's. */
async function* readLength(socket: PlainSocket, length: number): AsyncGenerator<Buffer, void> {
  for (let left = length; left > 0;) {
    const bytes = await next(socket);
    if (bytes === null) throw tooEarly(socket, `sent ${length - left} of the ${length} bytes it had promised`);
    const part = bytes.length > left ? bytes.subarray(0, left) : bytes;
    left -= part.length;
    yield part;
  }
}

async function* readChunks(socket: PlainSocket): AsyncGenerator<Buffer, void> {
  const chunks = new ChunkedBody();
  while (!chunks.isWhole) {
    const bytes = await next(socket);
    if (bytes === null) throw tooEarly(socket, "closed before the last chunk");
    // Together: a chunk may be a single byte.
    const parts = [...chunks.take(bytes)];
    yield parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }
}

async function next(socket: PlainSocket): Promise<Buffer | null> {
  if (await socket.ready(LIMITS.plainIdleMs)) return socket.read();
  throw new CoveyError("timeout", `${socket.remote} sent nothing for ${LIMITS.plainIdleMs / 1000} s`, {
    hint: "See that it still runs; the same command goes on from there, where the server can.",
  });
}

const tooEarly = (socket: PlainSocket, how: string): CoveyError =>
  new CoveyError("connection-lost", `${socket.remote} ${how}`, {
    hint: "The program over there ended or lost its network, or promised too much: try again.",
  });
