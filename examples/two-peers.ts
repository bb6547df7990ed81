import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { open } from "../src/index.ts";

const folder = await mkdtemp(join(tmpdir(), "covey-"));
{
  const listen = ["tcp://127.0.0.1:0"];
  await using laptop = await open({ home: join(folder, "laptop"), name: "laptop", listen });
  await using desktop = await open({ home: join(folder, "desktop"), name: "desktop", listen });

  await using invitation = await laptop.invite();
  const paired = await desktop.join(invitation.ticket);
  console.log("paired with", paired.name); // paired with laptop
  await invitation.done;

  const stop = new AbortController();
  const todo = laptop.peer("desktop").data();
  const changes = todo.watch("todo", { signal: stop.signal })[Symbol.asyncIterator]();
  const next = changes.next();
  await desktop.peer("laptop").data().set("todo/milk", 1);
  const { value: change } = await next;
  if (change?.type === "set") console.log(change.item.key, "is", change.item.value); // todo/milk is 1
  await changes.return?.();

  const { state } = await desktop.peer("laptop").message("lunch?");
  console.log("the message is", state); // the message is queued
}
await rm(folder, { recursive: true });
