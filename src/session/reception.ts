// Connections that come in, until they are sessions.
//
// 1. every connection takes a place among those that have not proven anything yet; when there is none, somebody is put out
// 2. TLS proves its key; a stranger gets no further, and hears nothing, unless strangers are expected
// 3. the hello each way, all within one deadline; then it is somebody's session and leaves its place

import type { Address, PeerId } from "../core/ids.ts";
import { CoveyError } from "../core/errors.ts";
import type { Connection } from "../transport/transport.ts";
import type { Admission } from "./admission.ts";
import { createDeadline } from "./deadline.ts";
import type { Gate, Secured } from "./gate.ts";
import { type Greeting, greetAsListener } from "./greeting.ts";
import { cut, hangUp } from "./hang-up.ts";
import type { Hello } from "./hello.ts";

export interface Arrival {
  readonly secured: Secured;
  readonly greeting: Greeting;
  readonly address: Address;
  readonly group: string;
}

export interface ReceptionNeeds {
  readonly gate: Gate;
  readonly admission: Admission;
  readonly handshakeMs: number;
  knows(peer: PeerId): boolean;
  welcomesStrangers(): boolean;
  /** Our hello to that peer, once theirs is known; or rejects with what it is to hear instead. */
  answer(peer: PeerId, theirs: Hello): Promise<Hello>;
  onArrival(arrival: Arrival): void;
  /** Why a connection did not become a session. `peer` once it had proven its key. */
  onRefusal(group: string, why: CoveyError, peer: PeerId | undefined): void;
}

export interface Reception {
  /** Never throws. */
  receive(connection: Connection): void;
  /** Cuts what has not become a session. Resolves when all of it is gone. */
  close(): Promise<void>;
}

export function createReception(needs: ReceptionNeeds): Reception {
  const { gate, admission, handshakeMs } = needs;
  const waiting = new Map<Connection, Promise<void>>();
  let closed = false;

  const receive = async (connection: Connection): Promise<void> => {
    const { duplex, address, group } = connection;
    const leave = admission.enter(group, () => cut(duplex));
    let secured: Secured | undefined;
    try {
      using deadline = createDeadline(handshakeMs, "the handshake");
      secured = await gate.accept(duplex, deadline.signal);
      const { peerId } = secured;
      if (!needs.knows(peerId) && !needs.welcomesStrangers()) {
        secured.socket.end();
        throw new CoveyError("not-paired", "the device is not paired");
      }
      const greeting = await greetAsListener(secured.socket, (theirs) => needs.answer(peerId, theirs), deadline.signal);
      if (greeting.ours.knows) admission.familiar(group);
      needs.onArrival({ secured, greeting, address, group });
    } catch (error) {
      const why = error instanceof CoveyError ? error : new CoveyError("internal", "a fault in covey", { cause: error });
      needs.onRefusal(group, why, secured?.peerId);
      // After last words they have to get out; without any, what the other side sees must not look like an end.
      if (secured?.socket.writableEnded) await hangUp(secured.socket);
      else cut(duplex);
    } finally {
      leave();
    }
  };

  return {
    receive(connection) {
      if (closed) return cut(connection.duplex);
      waiting.set(
        connection,
        receive(connection).finally(() => waiting.delete(connection)),
      );
    },
    async close() {
      closed = true;
      for (const { duplex } of waiting.keys()) cut(duplex);
      await Promise.all(waiting.values());
    },
  };
}
