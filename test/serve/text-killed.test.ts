// A daemon that is killed while text clients are served: what was acknowledged is there afterwards, and no guest gets a name that was given.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { join } from "node:path";

import { connect } from "../../src/control/connect.ts";
import { startDaemon } from "../../src/daemon/start.ts";
import { stopDaemon } from "../../src/daemon/stop.ts";
import { place, portOf } from "./kit.ts";
import { textClient } from "./text-client.ts";

test("killed between an update and its answer, again and again: what was acknowledged is there", async () => {
  await using at = await place();
  const home = join(at.path, "laptop");
  const names = new Set<string>();
  let acknowledged = -1;
  let heard = 0;
  try {
    for (let round = 0; round <= 3; round++) {
      await startDaemon({ home, change: { listen: ["tcp://127.0.0.1:0"], name: "laptop" } });
      await using covey = await connect({ home });
      const { pid } = await covey.status();
      const stored = ((await covey.data().get("n"))?.value ?? ["-1"]) as [string];
      assert.ok(Number(stored[0]) >= acknowledged, `${acknowledged} was acknowledged, ${stored[0]} is there`);
      const messages = await covey.guestMessages({ limit: 1000 });
      assert.ok(messages.length >= heard, `${heard} were heard, ${messages.length} are there`);
      heard = messages.length;
      if (round === 3) break;

      const { serving } = await covey.serve({
        listen: "tcp://127.0.0.1:0",
        list: { key: "n", writable: true },
      });
      await using client = await textClient(portOf(serving));
      client.send("a guest\n");
      await client.heard(12);
      const { guest } = (await covey.guestMessages({ limit: 1 }))[0]!;
      assert.ok(!names.has(guest), `${guest} was there before`);
      names.add(guest);
      heard++;

      const first = Number(stored[0]) + 1;
      const wanted = first + 20 + 10 * round;
      const updates = Array.from({ length: 1000 }, (_, i) => `update_data,${first + i}\nmessage ${first + i}\n`);
      client.send(updates.join(""));
      const answers = Buffer.byteLength("message_ack\n") + (wanted - first) * Buffer.byteLength("update_ack\nmessage_ack\n");
      await client.heard(answers);
      process.kill(pid, "SIGKILL");
      const all = await client.all();
      const count = all.split("update_ack\n").length - 1;
      acknowledged = first + count - 1;
      heard += all.split("message_ack\n").length - 2;
      if (!client.socket.closed) await once(client.socket, "close");
    }
  } finally {
    await stopDaemon({ home }).catch(() => {});
  }
  assert.equal(names.size, 3);
  assert.ok(acknowledged > 60);
});
