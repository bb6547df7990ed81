import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import * as v from "valibot";

import { connect, CoveyError, open, plain } from "../src/index.ts";

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

const list = toDesk.data("todo");
const milk = await list.set("milk", { litres: 1 }, { ifVersion: null });
await list.set("milk", { litres: 2 }, { ifVersion: milk.version });
await list.setMany([
  { key: "bread", value: "rye" },
  { key: "tea", value: null },
]);
for (const { key, value } of await list.list("", { limit: 2 })) console.log(key, JSON.stringify(value));
// bread "rye"
// milk {"litres":2}
console.log(await list.remove("tea")); // true
console.log(await list.conflicts()); // []

const Dish = v.object({ name: v.string(), portions: v.optional(v.number(), 2) });
const dinner = toDesk.data("dinner", { schema: Dish });
console.log((await dinner.set("monday", { name: "soup" })).value); // { name: 'soup', portions: 2 }
await toDesk.data("dinner").set("tuesday", "leftovers"); // past the schema, as any peer can
for (const { key, value, invalid } of await dinner.list()) console.log(key, invalid ? invalid[0]?.message : value.portions);
// monday 2
// tuesday Invalid type: Expected Object but received "leftovers"

let after = { store: (await laptop.status()).storeId, seq: 0 };
for await (const event of list.watch("", { after, signal: patience })) {
  after = event.cursor;
  if (event.type === "set" && event.item.key === "bread") break; // leaving the loop ends the watch
}
await list.set("milk", { litres: 3 });
for await (const event of list.watch("", { after, signal: patience })) {
  if (event.type !== "set") continue;
  console.log(event.item.key, event.item.value); // milk { litres: 3 }
  break;
}

const photos = join(folder, "photos");
const inbox = join(folder, "inbox");
await mkdir(join(photos, "2026"), { recursive: true });
await mkdir(inbox);
await writeFile(join(photos, "2026", "sea.jpg"), Buffer.alloc(3_000_000, 7));
await writeFile(join(folder, "report.txt"), "all is well");

await using job = await toDesk.send([photos, join(folder, "report.txt")]);
for await (const { id, size } of desk.incoming({ signal: patience })) {
  await desk.accept(id, { into: inbox, size }); // the size that was seen: the sender can't make it larger meanwhile
  break;
}
let percent = 0;
for await (const { doneBytes, offer } of job.progress()) percent = Math.round((100 * doneBytes) / offer.size);
console.log(percent, (await job.done).offer.state); // 100 done
console.log(await readFile(join(inbox, "report.txt"), "utf8")); // all is well

await toLaptop.allow({ offers: "take", into: inbox, upToBytes: 1_000_000 });
await using log = await toDesk.sendBytes([Buffer.from("started\n"), Buffer.from("ended\n")], { name: "log.txt" });
console.log((await log.done).offer.size); // 14

await using large = await toDesk.send(photos); // more than is taken there without asking: it waits
console.log((await laptop.pause(large.offer.id)).paused); // here
console.log((await laptop.resume(large.offer.id)).paused); // undefined
await laptop.cancel(large.offer.id);

await toDesk.share(photos, { forMs: 7 * 86_400_000 });
for await (const shares of toLaptop.watchShares({ signal: patience })) {
  if (shares.some((share) => share.name === "photos")) break; // until then it is on its way
}
for await (const { kind, path } of toLaptop.list("photos", { deep: true })) console.log(kind, path);
// directory photos
// directory photos/2026
// file photos/2026/sea.jpg
await using copy = await toLaptop.get("photos/2026", { into: inbox, as: "copy" });
console.log(basename((await copy.done).path ?? "")); // copy
let bytes = 0;
for await (const chunk of toLaptop.read("photos/2026/sea.jpg", { signal: patience })) bytes += chunk.byteLength;
console.log(bytes); // 3000000
await toDesk.unshare("photos");
console.log((await toDesk.access()).shares); // []

await using _echo = await desk.handle("echo", { from: [toLaptop] }, async (stream) => {
  for await (const chunk of stream) await stream.write(chunk);
});
await using stream = await toDesk.open("echo");
await stream.write(Buffer.from("anybody there?"));
await stream.end();
console.log(Buffer.concat(await Array.fromAsync(stream)).toString()); // anybody there?

await using served = await laptop.serve({
  directory: photos,
  list: { key: "shopping", writable: true },
  listen: "tcp://127.0.0.1:0",
});
const { address = "", urls } = served.serving;
const { size, wholeBy } = await plain.download(`${urls[0]}2026/sea.jpg`, { into: inbox });
console.log(size, wholeBy); // 3000000 hash
console.log(await plain.message(address, "Hello from client")); // { text: 'message_ack', closed: false }
const [heard] = (await laptop.inbox()).guests;
console.log(heard?.guest, "wrote", heard?.text); // guest-1 wrote Hello from client
await plain.setList(address, ["milk", "bread"]);
console.log(await plain.getList(address)); // [ 'milk', 'bread' ]

await using port = await plain.listen("tcp://127.0.0.1:0"); // for one that connects
const [here, there] = await Promise.all([plain.connect(port.address), port.accept()]);
await here.write(Buffer.from("anybody there?"));
await here.end(); // and goes on reading
for await (const chunk of there.read()) console.log(Buffer.from(chunk).toString()); // anybody there?
await there.end();

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
  for await (const { type } of list.watch("", { signal: enough.signal })) {
    if (type === "now") enough.abort(new Error("enough"));
  }
} catch (error) {
  console.log(error === enough.signal.reason); // true
}

await laptop.close();
const gone = await laptop.status().catch((error: unknown) => error);
console.log(gone instanceof CoveyError && gone.code); // closed
