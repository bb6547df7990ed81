// Two durable facts about one peer: how far it has acknowledged, and whether an echo is owed to it.

import { createTurns } from "../../core/async.ts";
import { ByteReader, u64 } from "../../core/bytes.ts";
import type { PeerId, SpaceId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { SpaceStore } from "../../space/contract.ts";

const SERVICE = "replication";

/** Gathers acknowledgements and saves the latest now and then: each costs a flush, and a lost one only a batch sent twice. */
export interface AcknowledgementSaver {
  note(seq: number): void;
  /** Resolves when the latest is durable. */
  flush(): Promise<void>;
}

export function createAcknowledgementSaver(
  save: (seq: number) => Promise<void>,
  failed: (error: unknown) => void,
): AcknowledgementSaver {
  let latest = 0;
  let timer: NodeJS.Timeout | undefined;
  const inTurn = createTurns();

  function flush(): Promise<void> {
    const due = timer !== undefined;
    clearTimeout(timer);
    timer = undefined;
    const seq = latest;
    return inTurn(async () => {
      if (due) await save(seq);
    }).catch(failed);
  }

  return {
    note(seq) {
      latest = seq;
      timer ??= setTimeout(() => void flush(), LIMITS.pushSaveMs);
    },
    flush,
  };
}

/** Up to where the peer still has to be sent what once came from it; 0 for nothing. */
export async function readEcho(store: Pick<SpaceStore, "getLocal">, space: SpaceId, peer: PeerId): Promise<number> {
  const value = await store.getLocal(SERVICE, echoKey(space, peer));
  return value === undefined ? 0 : new ByteReader(value, "a saved echo").u53();
}

export function saveEcho(store: Pick<SpaceStore, "putLocal">, space: SpaceId, peer: PeerId, until: number): Promise<void> {
  return store.putLocal(SERVICE, [{ key: echoKey(space, peer), value: until === 0 ? undefined : u64(until) }]);
}

const echoKey = (space: SpaceId, peer: PeerId): string => `echo/${space}/${peer}`;
