import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";

import { reset } from "./reset.ts";

/** What is done to a connection of which nothing was said yet, and whether the other end sees a fault. */
const MOMENTS: readonly (readonly [when: string, act: (socket: Socket) => Promise<void> | void, isFault: boolean])[] = [
  ["at once", () => {}, true],
  ["behind a write", (socket) => void socket.write("half"), true],
  ["while much waits to be taken", (socket) => void socket.write(Buffer.alloc(2 ** 26)), true],
  ["while much waits to be taken, and an end behind it", (socket) => void socket.end(Buffer.alloc(2 ** 26)), true],
  ["while an end is being sent", (socket) => void socket.end(), false],
  ["while an end is being sent behind a write", (socket) => void socket.end("all"), false],
  ["when an end has been sent", (socket) => new Promise((resolve) => void socket.end("all", resolve)), false],
];

for (const [when, act, isFault] of MOMENTS)
  test(`a connection that is reset ${when} is closed, here and there`, async (t) => {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    t.after(() => void server.close());
    await once(server, "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const there = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: false });
    let fault: unknown;
    there.on("error", (error) => (fault = error));
    const thereClosed = new Promise((resolve) => void there.once("close", resolve));
    const [here] = await accepted;
    here.on("error", () => {});
    const hereClosed = new Promise((resolve) => void here.once("close", resolve));
    await act(here);
    reset(here);
    await hereClosed;
    there.resume();
    await thereClosed;
    if (isFault) assert.equal((fault as NodeJS.ErrnoException | undefined)?.code, "ECONNRESET");
    else assert.equal(there.readableEnded || fault !== undefined, true);
  });
