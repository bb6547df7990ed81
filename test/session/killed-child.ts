// A paired peer in a process of its own that is killed amid what it says. Started by killed.test.ts with {host, address, identity, mode}.

import { once } from "node:events";
import type { TLSSocket } from "node:tls";

import { u32 } from "../../src/core/bytes.ts";
import type { PeerId } from "../../src/core/ids.ts";
import type { Stream } from "../../src/session/contract.ts";
import { createGate } from "../../src/session/gate.ts";
import { encodeOk } from "../../src/session/heads.ts";
import { encodeGo, encodeHello } from "../../src/session/hello.ts";
import { createYamux } from "../../src/session/yamux/yamux.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";

export type Mode = "mid-request" | "mid-answer" | "mid-stream" | "mid-push";

export interface ChildTask {
  readonly host: PeerId;
  readonly address: string;
  readonly identity: { readonly peerId: PeerId; readonly keyPem: string; readonly certificatePem: string };
  readonly mode: Mode;
}

const never = new AbortController().signal;

process.once("message", (task) => void run(task as ChildTask));

async function run({ host, address, identity, mode }: ChildTask): Promise<void> {
  const { duplex } = await tcpTransport.dial(address, never);
  const { socket } = await createGate(identity).dial(duplex, host, never);
  socket.write(
    encodeHello({
      versions: [1, 1],
      features: [],
      needs: [],
      boot: "00000000000000cc",
      knows: true,
      apart: false,
      dial: 1,
      over: 0,
      listen: [],
    }),
  );
  const length = await exactly(socket, 4);
  await exactly(socket, length.readUInt32BE());
  socket.write(encodeGo());
  const mux = createYamux(socket, { dialled: true, onStream: (stream) => void talk(stream, mode) });
  if (mode === "mid-push") await talk(mux.open(), mode);
}

async function talk(stream: Stream, mode: Mode): Promise<void> {
  if (mode === "mid-answer") await stream.write(Buffer.concat([u32(1000), Buffer.alloc(500)]));
  if (mode === "mid-stream") await stream.write(Buffer.concat([encodeOk("bytes follow", true), Buffer.alloc(100_000, 1)]));
  if (mode === "mid-push") await stream.write(Buffer.concat([u32(1000), Buffer.alloc(500)]));
  // The parent says when it has what there is.
  process.send!("said");
  await once(process, "message");
  process.kill(process.pid, "SIGKILL");
}

async function exactly(socket: TLSSocket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes !== null) return bytes;
    await once(socket, "readable");
  }
}
