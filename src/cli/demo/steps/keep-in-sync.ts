// Data shows on the other side at once; what was set on both sides while cut off is settled the same way on both.

import { CoveyError } from "../../../core/errors.ts";
import type { Covey } from "../../../control/covey.ts";
import type { Json } from "../../../services/data/contract.ts";
import type { Step } from "../stage.ts";
import { until } from "../wait.ts";

export const keepInSync: Step = {
  title: "They keep data in sync",
  async run({ laptop, desktop, signal }, report) {
    report.does(`desktop watches laptop:todo while laptop sets it to {"milk":1}.`);
    const todo = watchFor(desktop.covey, "laptop", "todo", signal);
    await todo.ready;
    await laptop.covey.peer("desktop").data().set("todo", { milk: 1 }, { signal });
    const setAtMs = performance.now();
    const seen = await todo.value;
    report.checks(
      `desktop saw ${JSON.stringify(seen)} ${Math.max(0, performance.now() - setAtMs).toFixed(0)} ms after it was durable on laptop`,
      JSON.stringify(seen) === '{"milk":1}',
    );

    report.does("Now they are cut off from each other, and both set the same key.");
    await desktop.stop();
    await laptop.covey.peer("desktop").data().set("dinner", "soup", { signal });
    await laptop.stop();
    await desktop.start();
    await desktop.covey.peer("laptop").data().set("dinner", "pizza", { signal });
    report.does('laptop said "soup", desktop said "pizza". They meet again.');
    await laptop.start();

    const both = [laptop.covey.peer("desktop").data(), desktop.covey.peer("laptop").data()] as const;
    const conflicts = await until(
      "both know of the conflict",
      async () => {
        const found = await Promise.all(both.map(async (data) => (await data.conflicts("dinner", { signal }))[0]));
        return found.every((one) => one !== undefined) ? found : undefined;
      },
      signal,
    );
    const winners = await Promise.all(both.map(async (data) => (await data.get("dinner", { signal }))?.value));
    report.checks(
      `both show the same winner: ${JSON.stringify(winners[0])}`,
      winners[0] !== undefined && winners[0] === winners[1],
    );
    const losers = conflicts.map((conflict) => conflict.losers.map((loser) => ("value" in loser ? loser.value : null)));
    report.checks(
      `both can still list the value that lost: ${JSON.stringify(losers[0]?.[0])}`,
      losers.every((list) => list.length === 1 && list[0] !== winners[0]) && losers[0]?.[0] === losers[1]?.[0],
    );
  },
};

/** The next value that a watch of one key tells; `ready` once the watch stands. */
function watchFor(covey: Covey, peer: string, key: string, signal: AbortSignal): { ready: Promise<void>; value: Promise<Json> } {
  const ready = Promise.withResolvers<void>();
  const watch = async (): Promise<Json> => {
    for await (const event of covey.peer(peer).data().watch(key, { signal })) {
      if (event.type === "now") ready.resolve();
      if (event.type === "set" && event.item.key === key) return event.item.value;
    }
    throw new CoveyError("closed", "the watch ended");
  };
  const value = watch();
  value.catch(ready.reject);
  return { ready: ready.promise, value };
}
