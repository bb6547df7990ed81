// Peers that keep a list in sync: `node examples/tutorials/shared-list.ts follow`, and `… update NAME VALUE`, `… get` at any of them.
//
// With sockets: `get_data` asks a node for its list; `update_data` goes to each node that is known, which answers `update_ack`. Who is away
//   misses it, two updates at once end in two different lists, and anybody can send one.
// With covey: values under keys, in the data that each two peers have in common. `get_data` is a read of what is here, `update_data` a
//   `set`; `update_ack` is a value too. Each peer writes under its own id, and the newest of a name counts.
// Gained: an update is on the disk when `set` resolves, and gets to whoever was away; all end with the same list; each value has the shape
//   that is wanted, or is passed over, and its author is proven.

import * as v from "valibot";

import { connect, type Covey, printable } from "../../src/index.ts";

const Update = v.object({ value: v.string(), number: v.pipe(v.number(), v.safeInteger()) });
/** The number of the update that somebody took. */
const Ack = v.number();

/** NAME/AUTHOR is an update, NAME/AUTHOR/ack the answer to it. */
const lists = async (me: Covey) =>
  (await me.peers())
    .map(({ name }) => me.peer(name))
    .map((peer) => ({ peer, list: peer.data("list", { schema: v.union([Update, Ack]) }) }));

/** Everyone orders alike: by number, then by author. */
export async function getData(me: Covey): Promise<ReadonlyMap<string, v.InferOutput<typeof Update>>> {
  const all = (await Promise.all((await lists(me)).map(({ list }) => list.list()))).flat();
  const known = all.flatMap(({ key, author, value, invalid }) => {
    const [name = "", writer] = key.split("/");
    return invalid || typeof value === "number" || writer !== author ? [] : [{ name, author, value }];
  });
  known.sort((a, b) => a.value.number - b.value.number || (a.author < b.author ? -1 : 1));
  return new Map(known.map(({ name, value }) => [name, value]));
}

export async function updateData(me: Covey, name: string, value: string): Promise<void> {
  const { peerId } = await me.status();
  const number = ((await getData(me)).get(name)?.number ?? 0) + 1;
  await Promise.all((await lists(me)).map(({ list }) => list.set(`${name}/${peerId}`, { value, number })));
}

/** Shows and acknowledges the others' updates; shows who has ours. */
export async function follow(me: Covey, show: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const { peerId } = await me.status();
  const each = (await lists(me)).map(async ({ peer, list }) => {
    for await (const event of list.watch("", { signal })) {
      if (event.type === "now") show(`following ${peer.name}`);
      if (event.type !== "set" || event.item.invalid || event.item.author === peerId) continue;
      const { key, value } = event.item;
      const name = printable(key.split("/")[0]!);
      if (typeof value === "number") show(`${peer.name} has ${name}`);
      else {
        show(`${peer.name}: ${name} = ${printable(value.value)}`);
        await list.set(`${key}/ack`, value.number);
      }
    }
  });
  await Promise.all(each);
}

if (import.meta.main) {
  const [command, name = "", value = ""] = process.argv.slice(2);
  await using me = await connect();
  if (command === "follow") await follow(me, console.log);
  if (command === "update") await updateData(me, name, value);
  if (command === "get") for (const [key, { value: now }] of await getData(me)) console.log(printable(`${key} = ${now}`));
}
