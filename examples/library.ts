import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { connect, CoveyError, open } from "../src/index.ts";

const folder = await mkdtemp(join(tmpdir(), "covey-"));
await using end = new AsyncDisposableStack();
end.defer(() => rm(folder, { recursive: true }));

const listen = ["tcp://127.0.0.1:0"]; // without it: every interface, and a port that stays the same
const laptop = end.use(await open({ home: join(folder, "laptop"), name: "laptop", listen }));
const desk = end.use(await open({ home: join(folder, "desk"), name: "desk", listen }));

await using invitation = await laptop.invite({ ttlMs: 60_000 });
await desk.join(invitation.ticket, { as: "laptop" });
const { name, mine } = await invitation.done;
console.log(name, mine); // desk false
const toDesk = laptop.peer("desk");
const toLaptop = desk.peer("laptop");

const sent = await toDesk.message("lunch?");
console.log(sent.state); // queued

const patience = AbortSignal.timeout(20_000);
const { storeId: store } = await desk.status();
for await (const event of toLaptop.watchMessages({ after: { store, seq: 0 }, signal: patience })) {
  if (event.type !== "message") continue;
  console.log(event.message.text); // lunch?
  await toLaptop.markRead({ shown: [event.message.id] });
  break;
}
console.log((await desk.inbox()).messages.length); // 0

const list = toDesk.data();
const milk = await list.set("todo/milk", { litres: 1 }, { ifVersion: null });
await list.set("todo/milk", { litres: 2 }, { ifVersion: milk.version });
await list.setMany([
  { key: "todo/bread", value: "rye" },
  { key: "todo/tea", value: null },
]);
for (const { key, value } of await list.list("todo", { limit: 2 })) console.log(key, JSON.stringify(value));
// todo/bread "rye"
// todo/milk {"litres":2}
console.log(await list.remove("todo/tea")); // true
console.log(await list.conflicts("todo")); // []

let after = { store: (await laptop.status()).storeId, seq: 0 };
for await (const event of list.watch("todo", { after, signal: patience })) {
  after = event.cursor;
  if (event.type === "set" && event.item.key === "todo/bread") break; // leaving the loop ends the watch
}
await list.set("todo/milk", { litres: 3 });
for await (const event of list.watch("todo", { after, signal: patience })) {
  if (event.type !== "set") continue;
  console.log(event.item.key, event.item.value); // todo/milk { litres: 3 }
  break;
}

const path = join(folder, "photo.jpg");
await writeFile(path, Buffer.alloc(3_000_000, 7));
await using job = await toDesk.send(path);
for await (const { id, size } of desk.incoming({ signal: patience })) {
  await desk.accept(id, { into: folder, size }); // the size that was seen: the sender can't make it larger meanwhile
  break;
}
let percent = 0;
for await (const { doneBytes, offer } of job.progress()) percent = Math.round((100 * doneBytes) / offer.size);
console.log(percent, (await job.done).offer.state); // 100 done
const taken = (await desk.transfers()).find(({ offer }) => offer.id === job.offer.id);
console.log(basename(taken?.path ?? "")); // photo (2).jpg

try {
  await laptop.peer("dsk").message("lunch?");
} catch (error) {
  if (!(error instanceof CoveyError)) throw error;
  console.log(error.code, error.retryable, error.hint); // not-found false Did you mean desk?
}
const down = await connect({ home: join(folder, "nobody") }).catch((error: unknown) => error);
console.log(down instanceof CoveyError && down.code); // daemon-down

const enough = new AbortController();
try {
  for await (const { type } of list.watch("todo", { signal: enough.signal })) {
    if (type === "now") enough.abort(new Error("enough"));
  }
} catch (error) {
  console.log(error === enough.signal.reason); // true
}

await laptop.close();
const gone = await laptop.status().catch((error: unknown) => error);
console.log(gone instanceof CoveyError && gone.code); // closed
