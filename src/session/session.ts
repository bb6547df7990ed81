// One session with one peer: what the gate and the greeting established, and requests both ways over Yamux.

import type { Cbor } from "../core/cbor.ts";
import { CoveyError } from "../core/errors.ts";
import type { Address, PeerId, StoreId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import type { RemoteHello, RequestOptions, Session, Stream } from "./contract.ts";
import type { Secured } from "./gate.ts";
import type { Greeting } from "./greeting.ts";
import type { Budget } from "./heads.ts";
import { type Asking, open, request } from "./request.ts";
import { respond } from "./respond.ts";
import type { RouteTable } from "./routes.ts";
import { createYamux, type Yamux } from "./yamux/yamux.ts";

const EXPORTER = "EXPORTER-covey/1 ";

export interface SessionNeeds {
  readonly secured: Secured;
  readonly greeting: Greeting;
  readonly dialled: boolean;
  readonly address: Address;
  readonly routes: RouteTable;
  readonly requestMs: number;
  readonly strangerMs: number;
  /** Our wall clock when their hello came. */
  readonly nowMs: number;
  readonly log: Logger;
}

/** What `sessions.ts` has in hand; services see a Session. */
export interface LiveSession extends Session {
  readonly greeting: Greeting;
  /** Resolves like `closed`, but as soon as nothing new can be opened; what is open may go on for a while. */
  readonly spent: Promise<CoveyError | undefined>;
  /** Everything that is open fails with `why`. */
  destroy(why: CoveyError): void;
}

/** Starts answering at once. */
export const createSession = (needs: SessionNeeds): LiveSession => new SecuredSession(needs);

class SecuredSession implements LiveSession {
  readonly peer: PeerId;
  readonly peerKey: Uint8Array;
  readonly paired: boolean;
  readonly dialled: boolean;
  readonly address: Address;
  readonly remote: RemoteHello;
  readonly greeting: Greeting;
  readonly spent: Promise<CoveyError | undefined>;
  readonly closed: Promise<CoveyError | undefined>;
  readonly #secured: Secured;
  readonly #mux: Yamux;
  readonly #asking: Asking;

  constructor(needs: SessionNeeds) {
    const { secured, greeting, routes, requestMs, log } = needs;
    const { ours, theirs, version } = greeting;
    this.peer = secured.peerId;
    this.peerKey = secured.peerKey;
    this.paired = ours.knows && theirs.knows;
    this.dialled = needs.dialled;
    this.address = needs.address;
    this.greeting = greeting;
    this.remote = {
      version,
      features: theirs.features,
      bootId: theirs.boot,
      storeId: this.paired ? (theirs.store as StoreId | undefined) : undefined,
      clockSkewMs: this.paired && theirs.clockMs !== undefined ? theirs.clockMs - needs.nowMs : undefined,
    };
    this.#secured = secured;
    const heads: Budget = { left: LIMITS.headsHeldBytes };
    const answers: Budget = { left: LIMITS.answersHeldBytes };
    const handlers: Budget = { left: LIMITS.handlersAtOnce };
    // For pairing only, be it again: it needs no more.
    const brief = !this.paired || (needs.dialled ? ours : theirs).apart;
    const headBytes = brief ? LIMITS.strangerHeadBytes : LIMITS.headBytes;
    this.#mux = createYamux(secured.socket, {
      dialled: needs.dialled,
      maxIncoming: brief ? LIMITS.strangerStreams : LIMITS.yamuxStreams,
      onStream: (stream) => void respond(stream, { session: this, routes, headBytes, heads, answers, handlers, requestMs, log }),
    });
    this.#asking = { openStream: () => this.#mux.open(), requestMs };
    this.spent = this.#mux.spent;
    this.closed = this.#mux.closed;
    if (brief) this.#expire(needs.strangerMs);
  }

  #expire(ms: number): void {
    const timer = setTimeout(() => this.destroy(new CoveyError("timeout", "a session for pairing took too long")), ms);
    void this.closed.then(() => clearTimeout(timer));
  }

  request(route: string, args: Cbor, options?: RequestOptions): Promise<unknown> {
    return request(this.#asking, route, args, options);
  }

  open(route: string, args: Cbor, options?: RequestOptions): Promise<{ value: unknown; stream: Stream }> {
    return open(this.#asking, route, args, options);
  }

  exportKey(label: string): Buffer {
    const { socket } = this.#secured;
    if (socket.destroyed) throw new CoveyError("closed", "the session with the other peer is over");
    return socket.exportKeyingMaterial(32, EXPORTER + label, Buffer.alloc(0));
  }

  close(): Promise<void> {
    return this.#mux.close();
  }

  destroy(why: CoveyError): void {
    this.#mux.destroy(why);
  }
}
