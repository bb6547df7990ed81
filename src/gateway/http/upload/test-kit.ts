// A port that takes uploads and nothing else, and clients that send what no browser would.

import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { systemClock } from "../../../core/clock.ts";
import { silentLog } from "../../../core/log.ts";
import type { ServingEvent } from "../../contract.ts";
import type { Speaker } from "../../served.ts";
import { createHttp } from "../http.ts";

export class UploadLab implements AsyncDisposable {
  readonly into: string;
  readonly events: ServingEvent[] = [];
  readonly http: Speaker;
  readonly #server: Server;

  private constructor(into: string) {
    this.into = into;
    this.http = createHttp({
      ...{ directory: into, uploadInto: into, list: undefined, token: undefined, clock: systemClock, log: silentLog },
      isOurHost: (host) => host === "localhost" || host === "127.0.0.1",
      tell: (event) => void this.events.push(event),
    });
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
      this.http.take(socket, Buffer.alloc(0)),
    );
  }

  /** Into a directory of its own, or a second one into the same. */
  static async open(into?: string): Promise<UploadLab> {
    const lab = new UploadLab(into ?? (await mkdtemp(join(tmpdir(), "covey-uploads-"))));
    lab.#server.listen(0, "127.0.0.1");
    await once(lab.#server, "listening");
    return lab;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** All that is in the directory, hidden or not. */
  names(): Promise<string[]> {
    return readdir(this.into).then((names) => names.toSorted());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await this.http.close();
    await rm(this.into, { recursive: true, force: true });
  }
}

const BOUNDARY = "----boundary";

/** `disposition`: what stands behind "form-data; ". */
export const part = (disposition: string, content: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: text/plain\r\n\r\n`),
    Buffer.from(content),
    Buffer.from("\r\n"),
  ]);

export const end = Buffer.from(`--${BOUNDARY}--\r\n`);

export const headOf = (length: number, more = ""): string =>
  `POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: ${length}\r\n${more}\r\n`;

/** A connection on which a request was begun, and no more. `from`: an address of this machine's own. */
export async function begin(lab: UploadLab, bytes: string | Buffer, from = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port: lab.port, host: "127.0.0.1", localAddress: from });
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(bytes);
  return socket;
}

/** All that is answered on a connection to one request after another. */
export async function exchange(lab: UploadLab, ...bytes: (string | Buffer)[]): Promise<string> {
  const socket = await begin(lab, "");
  for (const piece of bytes) socket.write(piece);
  return text(socket);
}

/** One request with this body, on a connection of its own. */
export const send = (lab: UploadLab, body: Buffer): Promise<string> =>
  exchange(lab, headOf(body.length, "Accept: application/json\r\nConnection: close\r\n"), body);
