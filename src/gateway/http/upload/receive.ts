// An upload: multipart/form-data (RFC 7578), read as it comes.
//
//   1. its parts are told apart by busboy; what is no file is passed over
//   2. one file after the other is written (part.ts), and no more is read than is written
//   3. a fault of any kind ends it: what was received before stays, of the rest nothing does

import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { addAbortSignal } from "node:stream";

import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";

import { createTurns } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { formatSize } from "../../../core/size.ts";
import { HELD_BYTES, type ReceivedFile, receiveFile } from "./part.ts";
import type { Place } from "./room.ts";

interface ReceiveNeeds {
  /** Made when it is not there. */
  readonly into: string;
  readonly place: Place;
  readonly clock: Clock;
  /** Aborts when nobody wants it any more. */
  readonly signal: AbortSignal;
  /** Called when nothing speaks against it any more: what waits to be asked for its body may send it. */
  begin(): void;
  /** Each file, as soon as it is in place. */
  received(file: ReceivedFile): void;
}

/**
 * Resolves when all of it was taken. Rejects with `bad-argument` (it is no multipart/form-data, or ends within), `limit`, `no-space`,
 * `timeout` (too little came for too long), `closed` (the client is gone), `io`, or the signal's reason. The body is not read further then.
 */
export async function receiveUpload(request: IncomingMessage, needs: ReceiveNeeds): Promise<void> {
  const { into, place, clock } = needs;
  await mkdir(into, { recursive: true }).catch((error: unknown) => {
    throw fromPlatform(error, "make the directory for it");
  });
  const told = Number(request.headers["content-length"] ?? 0);
  let came = 0;
  await place.expect(into, () => Math.max(0, told - came) + HELD_BYTES);

  const fault = new AbortController();
  const signal = AbortSignal.any([needs.signal, fault.signal]);
  const turns = createTurns();
  let writing = 0;
  /** Of the file that comes: those before it are whole, whatever happens now. */
  let coming = new AbortController();
  const fail = (error: CoveyError): void => {
    coming.abort(error);
    fault.abort(error);
  };
  const takeFile = async (bytes: NodeJS.ReadableStream, given: string, whole: AbortSignal): Promise<void> => {
    writing++;
    try {
      whole.throwIfAborted();
      const file = await receiveFile(bytes, given, { into, clock, signal: whole, check: () => place.check() });
      if (file !== undefined) needs.received(file);
    } finally {
      writing--;
    }
  };

  const parser = createParser(request);
  needs.begin();
  const breaksOff = (): void => fail(new CoveyError("bad-argument", "the upload breaks off, or is not multipart/form-data"));
  const tooMany = (): void => fail(new CoveyError("limit", `these are more than the ${LIMITS.uploadFiles} files of one upload`));
  parser.on("error", breaksOff).on("filesLimit", tooMany).on("partsLimit", tooMany);
  parser.on("file", (_: string, bytes: BusboyFileStream, given: string) => {
    coming = new AbortController();
    const whole = AbortSignal.any([needs.signal, coming.signal]);
    // Whatever is wrong with it, it ends, and `whole` says what it was.
    addAbortSignal(whole, bytes).on("error", () => {});
    const { uploadBytes } = LIMITS;
    bytes.once("limit", () => fail(new CoveyError("limit", `a file may have ${formatSize(uploadBytes)} at most`)));
    turns(() => takeFile(bytes, given, whole)).catch((error: unknown) => fail(fromPlatform(error, "receive the file")));
  });

  const { socket } = request;
  const count = (chunk: Buffer): void => void (came += chunk.length);
  const gone = (): void => {
    if (!request.complete) fail(new CoveyError("closed", "the client went away"));
  };
  // Node leaves a body open whose client has ended its side within: the parser gets what there is of it, and an end.
  const ended = (): void => {
    if (!request.complete) parser.end(request.unpipe(parser).pause().read());
  };
  const pace = setInterval(() => {
    // Complete and waiting: the parser has not found the end of what it was given.
    const isStuck = request.complete ? writing === 0 : !request.isPaused() && came < LIMITS.uploadPaceBytes + before;
    before = came;
    if (isStuck) fail(new CoveyError("timeout", "too little of the upload came for too long"));
  }, LIMITS.gatewayIdleMs);
  let before = 0;
  try {
    // The disk may take longer than a connection is let idle: `pace` knows what is waited for.
    socket.setTimeout(0).on("end", ended);
    request.on("data", count).on("error", gone).on("close", gone).pipe(parser);
    if (socket.readableEnded) ended();
    if (request.destroyed) gone();
    await once(parser, "finish", { signal });
    await turns(async () => signal.throwIfAborted());
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearInterval(pace);
    request.off("data", count).off("close", gone).unpipe(parser);
    await turns(async () => {});
    socket.setTimeout(LIMITS.gatewayIdleMs).off("end", ended);
    parser.destroy();
  }
}

function createParser({ headers }: IncomingMessage): BusboyInstance {
  const { uploadFiles, uploadBytes, gatewayHeadBytes } = LIMITS;
  try {
    return new Busboy({
      headers: { "content-type": headers["content-type"] ?? "" },
      // What a form calls a file, chosen or not; anything else in it is a field.
      isPartAFile: (_, __, name) => name !== undefined,
      preservePath: true,
      limits: {
        files: uploadFiles,
        fileSize: uploadBytes,
        parts: 2 * uploadFiles,
        fieldSize: 1024,
        headerPairs: 16,
        headerSize: gatewayHeadBytes,
      },
    });
  } catch {
    throw new CoveyError("bad-argument", "the upload is not multipart/form-data", {
      hint: "Send it as a form, or with curl -F file=@NAME.",
    });
  }
}
