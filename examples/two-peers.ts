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

  const todo = laptop.peer("desktop").data();
  const changed = (async () => {
    for await (const change of todo.watch("todo")) if (change.type === "set") return change.item;
    return undefined;
  })();
  await desktop.peer("laptop").data().set("todo/milk", 1);
  const item = await changed;
  console.log(item?.key, "is", item?.value); // todo/milk is 1

  const { state } = await desktop.peer("laptop").message("lunch?");
  console.log("the message is", state); // the message is queued
}
await rm(folder, { recursive: true });
