// The hello each way, right after TLS. Nobody believes to be accepted before the other side said so.
//
// 1. Who dials sends its hello.
// 2. Who listens answers with its own hello, or with a refusal that both users can read, or, to a stranger whom it does not expect,
//    with nothing at all.
// 3. Who dials sends go, or a refusal. From here on the bytes are the multiplexer's.

import type { TLSSocket } from "node:tls";

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import {
  commonVersion,
  decodeRecord,
  disagreement,
  encodeGo,
  encodeHello,
  encodeRefusal,
  type Hello,
  type HelloRecord,
} from "./hello.ts";

/** Our hello and theirs, once both were accepted. */
export interface Greeting {
  readonly ours: Hello;
  readonly theirs: Hello;
  readonly version: number;
}

/** `check` throws what this side has against their hello. Rejects with that, their refusal, `version`, `protocol`, `closed` or the signal's reason. */
export async function greetAsDialler(
  socket: TLSSocket,
  ours: Hello,
  check: (theirs: Hello) => void,
  signal: AbortSignal,
): Promise<Greeting> {
  socket.write(encodeHello(ours));
  const record = await readRecord(socket, signal);
  if (record === undefined) {
    throw new CoveyError("not-paired", "the other device does not know this one: it closed the connection without a word", {
      hint: "Pair the two devices again.",
    });
  }
  const theirs = expectHello(record);
  await orRefuse(socket, async () => {
    agreeOn(socket, ours, theirs);
    check(theirs);
  });
  socket.write(encodeGo());
  return { ours, theirs, version: commonVersion(ours, theirs) };
}

/** The same of who listens; `answer` makes our hello once theirs is known, or rejects with what they are to hear instead. */
export async function greetAsListener(
  socket: TLSSocket,
  answer: (theirs: Hello) => Promise<Hello>,
  signal: AbortSignal,
): Promise<Greeting> {
  const record = await readRecord(socket, signal);
  if (record === undefined) throw new CoveyError("closed", "the other device closed the connection before its hello");
  const theirs = expectHello(record);
  const ours = await orRefuse(socket, async () => {
    const hello = await answer(theirs);
    agreeOn(socket, hello, theirs);
    return hello;
  });
  socket.write(encodeHello(ours));
  const last = await readRecord(socket, signal);
  if (last === undefined) throw new CoveyError("closed", "the other device closed the connection after the hello");
  if (last.is === "refused") throw last.error;
  if (last.is !== "go") throw new CoveyError("protocol", "the other device said hello twice");
  return { ours, theirs, version: commonVersion(ours, theirs) };
}

function agreeOn(socket: TLSSocket, ours: Hello, theirs: Hello): void {
  const here = disagreement(ours, theirs);
  if (here === undefined) return;
  socket.end(encodeRefusal(disagreement(theirs, ours)!));
  throw here;
}

/** What is thrown inside is the connection's last record: the other user reads why. */
async function orRefuse<T>(socket: TLSSocket, decide: () => Promise<T>): Promise<T> {
  try {
    return await decide();
  } catch (error) {
    if (!socket.writableEnded) socket.end(encodeRefusal(error));
    throw error;
  }
}

function expectHello(record: HelloRecord): Hello {
  if (record.is === "refused") throw record.error;
  if (record.is === "hello") return record.hello;
  throw new CoveyError("protocol", "the other device did not begin with its hello");
}

/** The next record; undefined when the other side closed without one. Takes not one byte beyond it from the socket. */
async function readRecord(socket: TLSSocket, signal: AbortSignal): Promise<HelloRecord | undefined> {
  const length = await take(socket, 4, signal);
  if (length === undefined) return undefined;
  const bytes = length.readUInt32BE();
  if (bytes === 0 || bytes > LIMITS.helloBytes) throw new CoveyError("protocol", `the other device's hello has ${bytes} bytes`);
  const body = await take(socket, bytes, signal);
  if (body === undefined) throw cutAmid();
  return decodeRecord(body);
}

/** Exactly `count` bytes; undefined when the end comes first. */
function take(socket: TLSSocket, count: number, signal: AbortSignal): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (tell: () => void): void => {
      socket.off("readable", look).off("end", ended).off("close", closed);
      signal.removeEventListener("abort", aborted);
      tell();
    };
    const look = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      // At the end Node hands out what is left, however little.
      if (bytes !== null) settle(() => (bytes.length === count ? resolve(bytes) : reject(cutAmid())));
    };
    const ended = (): void => settle(() => resolve(undefined));
    const closed = (): void => settle(() => reject(cutAmid()));
    const aborted = (): void => settle(() => reject(signal.reason as Error));
    if (signal.aborted) return aborted();
    if (socket.destroyed) return closed();
    socket.on("readable", look).on("end", ended).on("close", closed);
    signal.addEventListener("abort", aborted, { once: true });
    look();
  });
}

const cutAmid = (): CoveyError => new CoveyError("closed", "the connection was cut amid the hello");
