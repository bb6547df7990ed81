// The composition root: every part is made here, in the order in which they need each other, and closed in reverse.
//
// 1. who this is: the home, its key, the paired peers       4. the services, which register their routes
// 2. what it keeps: the store                               5. only now it listens and dials
// 3. the sessions

import { createTreeReader } from "../blob/tree/tree-reader.ts";
import { TreeThread } from "../blob/tree/tree-thread.ts";
import { createTreeWriter } from "../blob/tree/tree-writer.ts";
import type { PeerId } from "../core/ids.ts";
import { createGateway } from "../gateway/gateway.ts";
import { openHome } from "../identity/home.ts";
import { loadIdentity } from "../identity/key.ts";
import { openPeerBook } from "../identity/peer-book.ts";
import { createData } from "../services/data/data.ts";
import { createFiles } from "../services/files/files.ts";
import { createMessages } from "../services/messages/messages.ts";
import { createPairing } from "../services/pairing/pairing.ts";
import { createReplication } from "../services/replication/replication.ts";
import { createStreams } from "../services/streams/streams.ts";
import { createSessions } from "../session/sessions.ts";
import { openSpaceStore } from "../space/open-store.ts";
import type { Peer, PeerOptions } from "./contract.ts";
import { listenAtKeptPort } from "./listen.ts";
import { completeOptions } from "./options.ts";
import { createStatus } from "./status.ts";

/**
 * Hosts a peer; the caller holds the home's lock. Rejects with `home-unsafe`, `version` (the home is of a later covey), `conflict` (an
 * address is taken), `bad-argument` or `io`; nothing is left running then.
 */
export async function openPeer(options: PeerOptions): Promise<Peer> {
  const settings = completeOptions(options);
  const { clock, log } = settings;
  await using opened = new AsyncDisposableStack();

  const home = await openHome(settings.home);
  const [identity, book] = await Promise.all([loadIdentity(home), openPeerBook(home)]);

  const store = await openSpaceStore({ path: home.database, identity, clock, log });
  opened.defer(() => store.close());

  let listen = settings.listen;
  const sessions = createSessions({
    identity,
    book,
    clock,
    log,
    transports: settings.transports,
    get listen() {
      return listen;
    },
    storeId: () => store.storeId(),
    welcomesStrangers: () => pairing.welcomesStrangers(),
  });
  opened.defer(() => sessions.close());

  const pairing = createPairing({ identity, book, sessions, deviceName: settings.name, clock, log });
  opened.defer(() => pairing.close());
  const replication = createReplication({ store, sessions, book, log });
  opened.defer(() => replication.close());
  const messages = createMessages({ store, book, log });
  opened.defer(() => messages.close());
  const data = createData({ store });
  const trees = new TreeThread();
  opened.defer(() => trees.close());
  const files = await createFiles({
    ...{ store, sessions, book, incoming: settings.incoming, spool: home.spool, clock, log },
    reader: createTreeReader(trees),
    writer: createTreeWriter(trees),
  });
  opened.defer(() => files.close());
  const streams = createStreams({ sessions, book, log });
  opened.defer(() => streams.close());
  const gateway = await createGateway({
    ...{ store, data, guests: messages.guests, incoming: settings.incoming, clock, log },
    spaceOf: (peer) => (peer === undefined ? store.self() : store.direct(peer)),
    isPaired: (peer) => book.byId(peer) !== undefined,
  });
  opened.defer(() => gateway.close());
  const status = createStatus({ settings, identity, book, sessions, store, replication, pairing, messages, files, gateway });
  opened.defer(() => status.close());

  await listenAtKeptPort({
    wanted: settings.listen,
    portFile: home.port,
    log,
    async listen(at) {
      listen = at;
      await sessions.start();
      return sessions.addresses();
    },
  });

  const closing = opened.move();
  return {
    identity,
    book,
    sessions,
    store,
    pairing,
    messages,
    data,
    files,
    streams,
    gateway,
    spool: home.spool,
    status: status.status,
    links: status.links,
    // The sessions and the services hear of it from the book, and cut what they have with that peer.
    removePeer: (peer: PeerId) => book.remove(peer),
    close: () => closing.disposeAsync(),
  };
}
