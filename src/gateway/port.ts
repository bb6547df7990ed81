// One TCP port, up to the moment when it is clear who is to have a connection:
//
//  1. a connection comes: is there a place for it? If not, it is told so, where that is cheap
//  2. its first bytes are read, until they say which protocol this is; with a greeting nobody waits for them
//  3. the speaker of that protocol has it, with those bytes, until it closes

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import type { HostPort } from "../transport/address.ts";
import { bind } from "../transport/bind.ts";
import { type Protocol, protocolOf } from "./first-bytes.ts";
import { endWith } from "./linger.ts";
import type { HostPlaces } from "./places.ts";
import type { Speaker } from "./served.ts";

interface PortNeeds {
  /** undefined: there is a greeting, so everything is text. */
  readonly http: Speaker | undefined;
  readonly text: Speaker;
  readonly places: HostPlaces;
  readonly log: Logger;
}

/** A port that listens. */
export interface Port {
  readonly bound: AddressInfo;
  /** Open now. */
  connections(): number;
  /** Listens no more, and cuts what is not the speakers' yet, and theirs too. */
  close(): Promise<void>;
}

/** Rejects with `conflict` (the address is taken), `bad-argument` or `io`. */
export async function openPort(at: HostPort, needs: PortNeeds): Promise<Port> {
  const open = new Set<Socket>();
  let turnedAway = 0;
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: LIMITS.tcpKeepAliveMs,
    pauseOnConnect: true,
  });
  server.on("connection", (socket) => {
    // Errors are told to whoever reads and writes; without any listener one would end the process.
    socket.on("error", () => {});
    const { remoteAddress } = socket;
    // A connection can be gone before it is accepted; then it has no remote end.
    const give = remoteAddress === undefined ? undefined : needs.places.take(remoteAddress);
    if (give === undefined && (remoteAddress === undefined || turnedAway >= LIMITS.gatewayTurnedAway)) {
      socket.destroy();
      return;
    }
    open.add(socket);
    if (give === undefined) turnedAway++;
    socket.once("close", () => {
      open.delete(socket);
      if (give === undefined) turnedAway--;
      else give();
    });
    if (give === undefined) turnAway(socket, needs);
    else admit(socket, needs);
  });
  await bind(server, at);
  tellFaults(server, needs.log);
  return {
    bound: server.address() as AddressInfo,
    connections: () => open.size - turnedAway,
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
      await promise;
    },
  };
}

function admit(socket: Socket, { http, text, log }: PortNeeds): void {
  const give = (speaker: Speaker, first: Buffer): void => {
    try {
      speaker.take(socket, first);
    } catch (error) {
      log.error({ error: String(error) }, "a connection to the gateway could not be taken");
      socket.destroy();
    }
  };
  if (http === undefined) return give(text, Buffer.alloc(0));
  readFirst(socket, { silentMs: LIMITS.gatewayIdleMs, undecidedMs: LIMITS.gatewayHeadMs }, (protocol, first) => {
    if (protocol === "http") give(http, first);
    else if (protocol === "text") give(text, first);
    else if (protocol === "late") endWith(socket, httpProblem("408 Request Timeout", "The head of the request did not come.\n"));
    else socket.destroy();
  });
}

/** In the words of its own protocol, if that is known soon. */
function turnAway(socket: Socket, { http }: PortNeeds): void {
  const full = "there are too many connections already; try again later";
  if (http === undefined) return endWith(socket, `refused: ${full}\n`);
  const ms = LIMITS.gatewayLingerMs;
  readFirst(socket, { silentMs: ms, undecidedMs: ms }, (protocol) => {
    if (protocol === "http") endWith(socket, httpProblem("503 Service Unavailable", `${full}\n`, "Retry-After: 1\r\n"));
    else if (protocol === "text") endWith(socket, `refused: ${full}\n`);
    else socket.destroy();
  });
}

/**
 * Reads until it is decided, once. `late`: what came could still become a request. `nothing`: nothing came at all, in time or before the
 * client's end. The socket is paused again then.
 */
function readFirst(
  socket: Socket,
  { silentMs, undecidedMs }: { readonly silentMs: number; readonly undecidedMs: number },
  decided: (protocol: Protocol | "late" | "nothing", first: Buffer) => void,
): void {
  let first: Buffer = Buffer.alloc(0);
  const decide = (protocol: Protocol | "late" | "nothing"): void => {
    forget();
    socket.pause();
    decided(protocol, first);
  };
  const take = (chunk: Buffer): void => {
    if (first.length === 0) {
      clearTimeout(timer);
      timer = setTimeout(decide, undecidedMs, "late");
    }
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
    const protocol = protocolOf(first);
    if (protocol !== "undecided") decide(protocol);
  };
  const end = (): void => decide(first.length === 0 ? "nothing" : "text");
  const forget = (): void => {
    clearTimeout(timer);
    socket.off("data", take).off("end", end).off("close", forget);
  };
  let timer = setTimeout(decide, silentMs, "nothing");
  socket.on("data", take).once("end", end).once("close", forget);
  socket.resume();
}

const httpProblem = (status: string, text: string, more = ""): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${more}Connection: close\r\n\r\n${text}`;

/** Out of descriptors, say: it goes on listening, and says so once in a while. */
function tellFaults(server: Server, log: Logger): void {
  let toldMs = -Infinity;
  server.on("error", (error) => {
    if (performance.now() - toldMs < LIMITS.pendingLogMs) return;
    toldMs = performance.now();
    log.warn({ error: error.message }, "a connection to the gateway could not be accepted");
  });
}
