// What somebody who is not paired can try against a peer, tried: each attempt is real, over TCP, and says what came back.

import { randomBytes } from "node:crypto";

import { withDeadline } from "../core/async.ts";
import type { Cbor } from "../core/cbor.ts";
import { systemClock } from "../core/clock.ts";
import { CoveyError } from "../core/errors.ts";
import type { Address, PeerId, StoreId } from "../core/ids.ts";
import { silentLog } from "../core/log.ts";
import { openHome } from "../identity/home.ts";
import { loadIdentity } from "../identity/key.ts";
import { openPeerBook } from "../identity/peer-book.ts";
import { FETCH_ROUTE } from "../services/files/fetch/wire.ts";
import { REDEEM } from "../services/pairing/protocol.ts";
import { PUSH_ROUTE } from "../services/replication/protocol.ts";
import { createSessions, type RunningSessions } from "../session/sessions.ts";
import { tcpTransport } from "../transport/tcp.ts";

export interface Attempt {
  /** What was tried, in words. */
  readonly what: string;
  /** What came back, in words. */
  readonly got: string;
  /** Whether it got nothing of the peer's: no data, no hello, no word of what is there. */
  readonly nothing: boolean;
}

export interface Target {
  readonly peerId: PeerId;
  readonly addresses: readonly Address[];
  readonly signal: AbortSignal;
}

const PATIENCE_MS = 15_000;
/** A TLS alert: five bytes of record header, two of alert. It says that TLS was expected, which the port number says as well. */
const TLS_ALERT_BYTES = 7;

/** With bytes that are not TLS, and with a key of its own in TLS; `home` is the stranger's, made when it is not there. */
export async function tryWithoutTicket(home: string, target: Target): Promise<readonly Attempt[]> {
  return [
    await tryBytes("random bytes", randomBytes(4096), target),
    await tryBytes("a web request", Buffer.from("GET / HTTP/1.1\r\nHost: peer\r\n\r\n"), target),
    await withStranger(home, async (sessions) => {
      try {
        const session = await sessions.dial(target.peerId, target.addresses, target.signal);
        await session.close();
        return { what: "TLS with a key of its own", got: "a session", nothing: false };
      } catch (error) {
        return { what: "TLS with a key of its own", got: inWords(error), nothing: error instanceof CoveyError };
      }
    }),
  ];
}

/** While the target waits for somebody with a ticket, strangers are let in to show theirs; this one has none, and asks for everything else. */
export function tryWhileTicketIsOpen(home: string, target: Target): Promise<readonly Attempt[]> {
  const asks: readonly (readonly [what: string, route: string, args: Cbor])[] = [
    ["to push entries into a space", PUSH_ROUTE, { space: "00".repeat(32), store: "00".repeat(16) }],
    ["to fetch a file", FETCH_ROUTE, { offer: "00".repeat(16) }],
    ["what else there is", "help", {}],
    [
      "to be paired, with a made-up proof",
      REDEEM,
      { ticket: randomBytes(8), proof: randomBytes(32), name: "friend", addresses: [], atMs: Date.now() },
    ],
  ];
  return withStranger(home, async (sessions) => {
    const attempts: Attempt[] = [];
    for (const [what, route, args] of asks) {
      const session = await sessions.dial(target.peerId, target.addresses, target.signal);
      try {
        await session.request(route, args, { signal: target.signal });
        attempts.push({ what, got: "an answer", nothing: false });
      } catch (error) {
        attempts.push({ what, got: inWords(error), nothing: error instanceof CoveyError });
      } finally {
        await session.close();
      }
    }
    return attempts;
  });
}

async function tryBytes(what: string, bytes: Buffer, { addresses, signal }: Target): Promise<Attempt> {
  const { duplex } = await tcpTransport.dial(addresses[0]!, signal);
  let got = 0;
  duplex.on("data", (chunk: Buffer) => (got += chunk.length));
  duplex.on("error", () => {});
  duplex.write(bytes);
  const closed = new Promise<void>((resolve) => duplex.once("close", () => resolve()));
  duplex.on("end", () => duplex.end());
  try {
    await withDeadline(closed, PATIENCE_MS, "waiting to be cut off");
    return { what, got: got === 0 ? "cut off" : "a TLS alert, and cut off", nothing: got <= TLS_ALERT_BYTES };
  } finally {
    duplex.destroy();
  }
}

async function withStranger<T>(home: string, work: (sessions: RunningSessions) => Promise<T>): Promise<T> {
  const opened = await openHome(home);
  const sessions = createSessions({
    identity: await loadIdentity(opened),
    book: await openPeerBook(opened),
    transports: [tcpTransport],
    listen: [],
    clock: systemClock,
    log: silentLog,
    storeId: () => "00".repeat(16) as StoreId,
    welcomesStrangers: () => false,
  });
  try {
    return await work(sessions);
  } finally {
    await sessions.close();
  }
}

const inWords = (error: unknown): string => (error instanceof CoveyError ? `${error.code}: ${error.message}` : String(error));
