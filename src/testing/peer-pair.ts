// Two paired peers in this process, for tests of programs that use covey. Everything is real but the network, which is memory.
//
// 1. each gets a home of its own in a temporary folder     3. `cut` and `mend` take the way between them away and give it back
// 2. they pair by a ticket, as everybody does               4. disposing of the pair stops both and removes the folder

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Covey } from "../control/covey.ts";
import { createCovey } from "../control/facade.ts";
import { hostPeer, type HostedPeer } from "../control/host.ts";
import { localInvoker } from "../control/invoke.ts";
import { createMemoryTransport } from "../transport/memory.ts";
import { createCable } from "./cable.ts";

export interface PeerPairOptions {
  /** Whether the two are devices of one person, so that files are taken without asking. Default: false. */
  readonly mine?: boolean;
}

/** Disposing of it closes both peers and removes all that they kept. */
export interface PeerPair extends AsyncDisposable {
  /** Knows the other as "desk". */
  readonly laptop: Covey;
  /** Knows the other as "laptop". */
  readonly desk: Covey;
  /** An empty folder that goes with the pair, for files to send; absolute. */
  readonly folder: string;
  /** Cuts the way between the two; resolves when both have noticed. */
  cut(): Promise<void>;
  /** Resolves when the two are connected again. */
  mend(): Promise<void>;
}

/** Two peers, "laptop" and "desk", hosted in this process, paired and connected; no network and no daemon is touched. */
export async function openPeerPair({ mine = false }: PeerPairOptions = {}): Promise<PeerPair> {
  await using opened = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), "covey-pair-"));
  opened.defer(() => rm(root, { recursive: true, force: true }));
  const folder = await mkdtemp(join(root, "files-"));

  const cable = createCable(createMemoryTransport());
  const host = async (name: string): Promise<{ readonly hosted: HostedPeer; readonly covey: Covey }> => {
    const incoming = join(root, `${name}-incoming`);
    const hosted = await hostPeer(join(root, name), "program", async () => ({
      name,
      incoming,
      listen: ["memory://*"],
      transports: [cable],
    }));
    const covey = opened.use(createCovey(localInvoker(hosted.peer, () => hosted.close())));
    return { hosted, covey };
  };
  const laptop = await host("laptop");
  const desk = await host("desk");

  const connected = async (): Promise<void> => {
    await laptop.hosted.peer.sessions.connect(desk.hosted.peer.identity.peerId);
    await Promise.all([until(laptop.hosted, "up"), until(desk.hosted, "up")]);
  };
  await using invitation = await laptop.covey.invite({ mine });
  await desk.covey.join(invitation.ticket, { as: "laptop", mine });
  await invitation.done;
  await connected();

  const closing = opened.move();
  return {
    laptop: laptop.covey,
    desk: desk.covey,
    folder,
    async cut() {
      const noticed = [laptop, desk].filter(isConnected).map(({ hosted }) => until(hosted, "down"));
      cable.cut();
      await Promise.all(noticed);
    },
    async mend() {
      cable.mend();
      await connected();
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

const isConnected = ({ hosted }: { readonly hosted: HostedPeer }): boolean =>
  hosted.peer.book.list().some(({ peerId }) => hosted.peer.sessions.get(peerId) !== undefined);

/** Resolves when the peer's session with the other one is up, at once if it is, or when it has gone down. */
function until({ peer }: HostedPeer, type: "up" | "down"): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = peer.sessions.subscribe((event) => event.type === type && resolve());
  return promise.finally(end);
}
