// The answering side of files/walk: packs as they are read, to somebody who may have them.

import { u32 } from "../../../core/bytes.ts";
import type { Call, Stream } from "../../../session/contract.ts";
import { countsOf } from "../fetch/counts.ts";
import { publicError } from "../fetch/public-error.ts";
import { cutWhenStalled } from "../fetch/watchdog.ts";
import { BUSY } from "./wire.ts";

/** Resolves when the receiver has everything and has said so. An empty pack is a sign of life. `onCount`: it has so many bytes. */
export async function sendWalk(
  call: Call,
  packs: AsyncIterable<Buffer>,
  signal: AbortSignal,
  onCount: (bytes: number) => void,
): Promise<void> {
  const order = packs[Symbol.asyncIterator]();
  try {
    // Before it is answered: a path that is not there is said in the answer.
    let next = await order.next().catch((error: unknown) => {
      throw publicError(error);
    });
    const watched = cutWhenStalled(await call.accept({}));
    const { stream } = watched;
    const cut = (): void => stream.reset();
    signal.addEventListener("abort", cut, { once: true });
    const listening = listen(stream, onCount);
    listening.catch(() => {});
    try {
      signal.throwIfAborted();
      for (; next.done !== true; next = await order.next()) {
        const pack = next.value;
        await stream.write(u32(pack.length === 0 ? BUSY : pack.length));
        if (pack.length > 0) await stream.write(pack);
      }
      await stream.write(u32(0));
      await stream.end();
      await listening;
    } finally {
      watched.stop();
      signal.removeEventListener("abort", cut);
    }
  } finally {
    await order.return?.();
  }
}

async function listen(stream: Stream, onCount: (bytes: number) => void): Promise<void> {
  for await (const count of countsOf(stream)) onCount(Number(count));
}
