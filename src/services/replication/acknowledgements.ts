// How far one peer has acknowledged, saved now and then.

import { createTurns } from "../../core/async.ts";
import { LIMITS } from "../../core/limits.ts";

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
