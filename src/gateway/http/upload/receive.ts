// An upload: multipart/form-data (RFC 7578), read as it comes.
//
//   1. its parts are told apart by busboy; what is no file is passed over
//   2. one file after the other is written (part.ts), and no more is read than is written
//   3. a fault of any kind ends it: what was received before stays, of the rest nothing does

import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { addAbortSignal } from "node:stream";

import { Busboy, type BusboyInstance } from "@fastify/busboy";

import { createTurns } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";
import { CoveyError, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { type ReceivedFile, receiveFile } from "./part.ts";
import type { Place } from "./room.ts";

interface ReceiveNeeds {
  /** Made when it is not there. */
  readonly into: string;
  readonly place: Place;
  readonly clock: Clock;
  /** Aborts when nobody wants it any more. */
  readonly signal: AbortSignal;
  /** Each file, as soon as it is in place. */
  received(file: ReceivedFile): void;
}

/**
 * Resolves when all of it was taken. Rejects with `bad-argument` (it is no multipart/form-data, or ends within), `limit`, `no-space`,
 * `timeout` (too little came for too long), `closed` (the client is gone), `io`, or the signal's reason. The body is not read further then.
 */
export async function receiveUpload(request: IncomingMessage, needs: ReceiveNeeds): Promise<void> {
  const { into, place, clock } = needs;
  const told = Number(request.headers["content-length"] ?? 0);
  let came = 0;
  await mkdir(into, { recursive: true }).catch((error: unknown) => {
    throw fromPlatform(error, "make the directory for it");
  });
  await place.expect(into, () => Math.max(0, told - came));

  const fault = new AbortController();
  const fail = (error: CoveyError): void => fault.abort(error);
  const signal = AbortSignal.any([needs.signal, fault.signal]);
  const turns = createTurns();
  let writing = 0;
  const takeFile = async (bytes: NodeJS.ReadableStream, given: string): Promise<void> => {
    signal.throwIfAborted();
    writing++;
    try {
      needs.received(await receiveFile(bytes, given, { into, clock, signal, check: () => place.check() }));
    } finally {
      writing--;
    }
  };

  const parser = createParser(request);
  parser.on("error", () => fail(new CoveyError("bad-argument", "the upload breaks off, or is not multipart/form-data")));
  for (const event of ["filesLimit", "partsLimit"] as const)
    parser.on(event, () => fail(new CoveyError("limit", `these are more than the ${LIMITS.uploadFiles} files of one upload`)));
  parser.on("file", (_, bytes, given) => {
    // For its end alone: what is wrong is known by `fault`.
    addAbortSignal(signal, bytes).on("error", () => {});
    bytes.once("limit", () => fail(new CoveyError("limit", `one file may have ${LIMITS.uploadBytes / 2 ** 30} GiB at most`)));
    turns(() => takeFile(bytes, given)).catch((error: unknown) => fail(fromPlatform(error, "receive the file")));
  });

  const count = (chunk: Buffer): void => void (came += chunk.length);
  const cut = (): void => {
    if (!request.complete) fail(new CoveyError("closed", "the client went away"));
  };
  let before = 0;
  const pace = setInterval(() => {
    const stuck = request.complete ? writing === 0 : !request.isPaused() && came - before < LIMITS.uploadPaceBytes;
    before = came;
    if (stuck) fail(new CoveyError("timeout", "too little of the upload came for too long"));
  }, LIMITS.gatewayIdleMs);
  request.on("data", count).on("error", cut).on("close", cut);
  try {
    request.pipe(parser);
    await once(parser, "finish", { signal });
    await turns(async () => signal.throwIfAborted());
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearInterval(pace);
    request.off("data", count).off("close", cut).unpipe(parser);
    await turns(async () => {});
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
