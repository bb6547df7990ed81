// A program that speaks text with a serving: what it has heard so far, byte for byte.

import { connect, type Socket } from "node:net";

import { LIMITS } from "../../src/core/limits.ts";

export interface TextClient extends AsyncDisposable {
  readonly socket: Socket;
  /** "127.0.0.1:51234": as a serving names it. */
  readonly name: string;
  send(text: string | Buffer): void;
  /** All that has come, once it is so long at least; fails when the connection ends before. */
  heard(length: number): Promise<string>;
  /** What has come when the other side has ended. */
  all(): Promise<string>;
}

export async function textClient(port: number, { allowHalfOpen = false } = {}): Promise<TextClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen });
  let bytes: Buffer = Buffer.alloc(0);
  let ended = false;
  let look = (): void => {};
  const { promise: gone, resolve: close } = Promise.withResolvers<void>();
  const end = (): void => {
    ended = true;
    look();
  };
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    look();
  });
  socket.on("error", () => {});
  socket.once("end", end);
  socket.once("close", () => {
    end();
    close();
  });
  await new Promise<void>((resolve, reject) => void socket.once("connect", resolve).once("error", reject));
  const { localPort } = socket;
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      look = () => {
        if (holds()) resolve();
        else if (ended) reject(new Error(`the connection ended; heard: ${JSON.stringify(bytes.toString())}`));
      };
      look();
    });
  return {
    socket,
    name: `127.0.0.1:${localPort}`,
    send: (text) => void socket.write(text),
    async heard(length) {
      await until(() => bytes.length >= length);
      return bytes.toString();
    },
    async all() {
      await until(() => ended);
      return bytes.toString();
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await gone;
    },
  };
}

/** So long that what was sent before is a message of its own. */
export const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 3 * LIMITS.textPauseLoopbackMs));
