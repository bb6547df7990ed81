// What the tests of serving share: homes in a directory of their own, plain clients, and waiting for what comes.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { open } from "../../src/control/open.ts";
import type { Covey, Serving } from "../../src/index.ts";

export interface Place extends AsyncDisposable {
  readonly path: string;
  /** Hosted here. */
  host(name?: string): Promise<Covey>;
}

export async function place(): Promise<Place> {
  const path = await mkdtemp(join(tmpdir(), "covey-serving-"));
  return {
    path,
    host: (name = "laptop") =>
      open({ home: join(path, name), name, listen: ["tcp://127.0.0.1:0"], incoming: join(path, "incoming") }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export const portOf = ({ address }: Pick<Serving, "address">): number => Number(/:(\d+)$/.exec(address ?? "")?.[1]);

/** Listens there, as any other program would, until it is disposed of. */
export async function occupy(port: number): Promise<AsyncDisposable> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())) };
}

/** Sends one message on a connection of its own, ends, and resolves to all that comes back. */
export function ask(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.once("error", reject);
  socket.once("end", () => resolve(Buffer.concat(parts).toString()));
  socket.end(text);
  return promise;
}

/** Somebody who stays: what has come so far, and an end. */
export async function visitor(
  port: number,
): Promise<{ readonly socket: Socket; heard(): string; readonly closed: Promise<void> }> {
  const socket = connect({ port, host: "127.0.0.1" });
  let heard = "";
  socket.on("data", (part: Buffer) => (heard += part.toString()));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => void socket.once("connect", resolve).once("error", reject));
  return { socket, heard: () => heard, closed };
}

export const refusesConnections = (port: number): Promise<boolean> =>
  visitor(port).then(
    ({ socket }) => !socket.destroy(),
    (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNREFUSED",
  );

/** Polls until it holds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 1000, "it never became so");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const fails = (code: string, message?: RegExp) => (error: unknown) => {
  assert.equal((error as { code?: unknown }).code, code, String(error));
  if (message !== undefined) assert.match((error as Error).message, message);
  return true;
};
