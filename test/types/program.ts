// What a program's types come out as, without annotations, and what must not compile. Never run: types.test.ts has tsc check it against the
// declarations as they are published.

import * as v from "valibot";

import {
  connect,
  type Covey,
  CoveyError,
  type Cursor,
  type DataHandle,
  type DataIssue,
  type DataItem,
  type DataRemoval,
  type DataVersion,
  type ErrorCode,
  type Json,
  type Message,
  type MessageState,
  type NamedOffer,
  type NamedTransfer,
  open,
  type PeerId,
  type PeerLink,
  type StandardSchema,
  type StoreId,
  type TypedDataHandle,
} from "../../src/index.ts";
import { openPeerPair } from "../../src/testing/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** `is<Expected>()(value, true)` compiles when the value has exactly this type. */
const is =
  <Expected>() =>
  <Actual>(_value: Actual, _same: Same<Actual, Expected>): void => {};

export async function inference(): Promise<void> {
  is<Covey>()(await open(), true);
  await using me = await connect();
  const peer = me.peer("desk");

  is<Message>()(await peer.message("lunch?"), true);
  is<readonly PeerLink[]>()(await me.peers(), true);
  is<PeerLink>()(await (await me.invite()).done, true);
  is<PeerId>()((await me.status()).peerId, true);

  await using job = await peer.send("/photo.jpg");
  is<NamedTransfer>()(await job.done, true);
  for await (const { doneBytes } of job.progress()) is<number>()(doneBytes, true);
  for await (const offer of me.incoming()) is<NamedOffer>()(offer, true);

  let after: Cursor | undefined;
  for await (const event of peer.watchMessages()) {
    after = event.cursor;
    if (event.type === "message") is<Message>()(event.message, true);
    else if (event.type === "state") is<MessageState>()(event.state, true);
    else is<"now" | "reset">()(event.type, true);
  }
  for await (const event of peer.data().watch("todo", { after, signal: undefined })) {
    if (event.type === "set") is<DataItem>()(event.item, true);
    else if (event.type === "remove") is<string>()(event.key, true);
    else is<"now" | "reset">()(event.type, true);
  }
  const item = await peer.data().get("todo");
  is<DataItem | undefined>()(item, true);
  if (item !== undefined) is<Json>()(item.value, true);
  for (const { winner } of await peer.data().conflicts()) if ("value" in winner) is<DataVersion>()(winner, true);
  is<DataHandle>()(peer.data("todo"), true);

  const { storeId } = await me.status();
  is<StoreId>()(storeId, true);
  peer.watchMessages({ after: { store: storeId, seq: 0 } });

  try {
    await me.status({ signal: AbortSignal.timeout(1) });
  } catch (error) {
    if (error instanceof CoveyError) is<ErrorCode>()(error.code, true);
  }
  const pair = await openPeerPair({ mine: true });
  is<Covey>()(pair.laptop, true);
}

export async function typedData(me: Covey): Promise<void> {
  interface Todo {
    text: string;
    done: boolean;
  }
  const list = me.peer("desk").data("todo", { schema: v.object({ text: v.string(), done: v.optional(v.boolean(), false) }) });
  const set = await list.set("1", { text: "milk" }, { ifVersion: null });
  is<Todo>()(set.value, true);
  is<string>()(set.version, true);
  await list.setMany([{ key: "1", value: { text: "milk", done: true } }]);

  const got = await list.get("1");
  if (got?.invalid === undefined) is<Todo | undefined>()(got?.value, true);
  else is<Json>()(got.raw, true);
  for (const { key, value, invalid } of await list.list("", { limit: 10 })) {
    is<string>()(key, true);
    if (invalid === undefined) is<Todo>()(value, true);
    else is<readonly DataIssue[]>()(invalid, true);
  }
  for await (const event of list.watch()) {
    if (event.type === "set" && !event.item.invalid) is<Todo>()(event.item.value, true);
    if (event.type === "remove") is<string>()(event.key, true);
  }
  for (const { winner, losers } of await list.conflicts()) {
    if ("removed" in winner) is<DataRemoval>()(winner, true);
    else if (!winner.invalid) is<Todo>()(winner.value, true);
    is<string[]>()(
      losers.flatMap((one) => ("value" in one && !one.invalid ? [one.value.text] : [])),
      true,
    );
  }

  const times = me.data("times", {
    schema: v.pipeAsync(
      v.string(),
      v.transformAsync(async (text) => new Date(text)),
    ),
  });
  is<TypedDataHandle<Date, string>>()(times, true);
  is<Date>()((await times.set("a", "2026-01-02")).value, true);
  // @ts-expect-error what is written is what the schema takes, not what it makes
  await times.set("a", new Date());

  const byHand: StandardSchema<string, number> = {
    "~standard": { version: 1, vendor: "me", validate: (text) => ({ value: Number(text) }) },
  };
  is<TypedDataHandle<number, string>>()(me.data("", { schema: byHand }), true);
  const numberOf = async (numbers: TypedDataHandle<number>): Promise<number> => (await numbers.set("n", 1)).value;
  is<number>()(await numberOf(me.data("numbers", { schema: v.number() })), true);

  // @ts-expect-error a wrong value
  await list.set("1", { text: 1 });
  // @ts-expect-error a wrong value among several
  await list.setMany([{ key: "1", value: { done: true } }]);
  // @ts-expect-error it may not be there, and may not fit
  is<string>()(got.value.text, true);
  // @ts-expect-error it may not fit
  (await list.list()).map(({ value }) => value.text);
  // @ts-expect-error no such options
  me.data("todo", { scheme: v.string() });
  // @ts-expect-error no schema
  me.data("todo", { schema: { parse: (text: string) => text } });
  // @ts-expect-error the list of other values
  await numberOf(list);
}

export async function wrong(me: Covey, item: DataItem): Promise<void> {
  const data = me.data();
  // @ts-expect-error a value that JSON can't say
  await data.set("when", new Date());
  // @ts-expect-error nothing is not a value
  await data.set("nothing", undefined);
  // @ts-expect-error a version is a text
  await data.set("todo", 1, { ifVersion: 1 });
  // @ts-expect-error what is not there has nothing to remove
  await data.remove("todo", { ifVersion: null });
  // @ts-expect-error results are read-only
  item.value = 1;
  // @ts-expect-error lists are read-only
  (await me.peers()).push();
  // @ts-expect-error where to is never guessed
  await me.accept("1", {});
  // @ts-expect-error no such option
  await me.invite({ ttl: 60 });
  // @ts-expect-error a store's id is not any text
  data.watch("", { after: { store: "mine", seq: 0 } });
  for await (const event of data.watch()) {
    // @ts-expect-error only `set` has an item: the type has to be asked first
    is<DataItem>()(event.item, true);
    // @ts-expect-error no such event
    if (event.type === "changed") return;
  }
  // @ts-expect-error a closed list of codes
  throw new CoveyError("oops", "no such code");
}
