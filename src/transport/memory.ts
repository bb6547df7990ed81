// Connections within this process, for tests: the same bounds and the same ends as a socket has, and no network.
//
// 1. A write is handed to the other side and completes when it was read, so that at most two buffers are held each way.
// 2. An end arrives as an end; destroying one side arrives at the other as a reset, never as an end.

import { Duplex } from "node:stream";

import { CoveyError } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import type { Connection, Listener, Transport } from "./transport.ts";

/** One network of its own: peers that share this transport reach each other at "memory://NAME". */
export function createMemoryTransport(): Transport {
  const listeners = new Map<Address, (connection: Connection) => void>();
  let names = 0;
  return {
    scheme: "memory",

    async dial(address, signal) {
      signal.throwIfAborted();
      const [near, far] = createDuplexPair();
      const accept = listeners.get(address);
      if (accept === undefined) throw new CoveyError("unreachable", `${address}: nothing listens there`);
      const from = `memory://dialler-${++names}`;
      setImmediate(() => accept({ duplex: far, address: from, group: "memory" }));
      return { duplex: near, address, group: "memory" };
    },

    async listen(wanted, onConnection): Promise<Listener> {
      const address = wanted === "memory://*" ? `memory://${++names}` : wanted;
      if (listeners.has(address)) throw new CoveyError("conflict", `something listens on ${address} already`);
      listeners.set(address, onConnection);
      return {
        addresses: () => [address],
        close: async () => void listeners.delete(address),
      };
    },
  };
}

/** Two duplexes, each the other end of the other. */
export function createDuplexPair(highWaterMark = 64 * 1024): [Duplex, Duplex] {
  const a = new MemoryDuplex(highWaterMark);
  const b = new MemoryDuplex(highWaterMark);
  a.join(b);
  b.join(a);
  return [a, b];
}

class MemoryDuplex extends Duplex {
  #other: MemoryDuplex | undefined;
  #wasRead: (() => void) | undefined;

  constructor(highWaterMark: number) {
    super({ highWaterMark, allowHalfOpen: false });
    this.on("error", () => {});
  }

  join(other: MemoryDuplex): void {
    this.#other = other;
  }

  override _read(): void {
    const wasRead = this.#wasRead;
    this.#wasRead = undefined;
    wasRead?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#other!.#arrive(chunk, done);
  }

  override _final(done: () => void): void {
    this.#other!.#arrive(null, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Like a socket: after our end was said nothing more is told; before it, the other side's reads and writes fail.
    if (!this.writableFinished) setImmediate(() => this.#other!.destroy(resetError()));
    this._read();
    done(error);
  }

  #arrive(chunk: Buffer | null, done: (error?: Error) => void): void {
    setImmediate(() => {
      if (this.destroyed) done(resetError());
      else if (this.push(chunk) || chunk === null) done();
      else this.#wasRead = done;
    });
  }
}

const resetError = (): Error => Object.assign(new Error("connection reset"), { code: "ECONNRESET" });
