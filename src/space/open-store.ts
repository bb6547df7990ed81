// The store as everybody sees it: a client of its thread (store/worker.ts). 1. a call gets a number and goes over  2. answers settle
// their calls  3. a commit tells the subscribers  4. deferred entries are taken up when their time has come.

import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { type Clock, systemClock } from "../core/clock.ts";
import { CoveyError, errorFromJson, fromPlatform } from "../core/errors.ts";
import type { Incarnation, PeerId, SpaceId, StoreId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { createListeners } from "../core/listeners.ts";
import type { Logger } from "../core/log.ts";
import type { Identity } from "../identity/contract.ts";
import type { SpaceStore } from "./contract.ts";
import type { Answer, Call, CallName, Calls, FromWorker, LifeNow, WorkerOptions } from "./store/calls.ts";

/** However far away the next deferred entry's time is: the clock may be set in between. */
const MAX_RETRY_DELAY_MS = 60_000;

export interface StoreOptions {
  /** The database file; made 0600 when it is not there. Its directory must exist. */
  readonly path: string;
  readonly identity: Pick<Identity, "peerId" | "seed" | "publicKey">;
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly log: Logger;
}

/** Rejects with `home-busy` when another store has the file, `version` for a newer schema, `io` when the file is damaged. */
export async function openSpaceStore({ path, identity, clock = systemClock, log }: StoreOptions): Promise<SpaceStore> {
  const workerData: WorkerOptions = { file: path, peerId: identity.peerId, seed: identity.seed, nowMs: clock.nowMs() };
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./store/worker.${extension}`, import.meta.url), {
    workerData,
    name: "store",
    // The flags of the program around it (--input-type, say) are not for a file of ours.
    execArgv: [],
    // What a batch leaves behind is to be collected soon: memory counts more here than a few percent of time.
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  const first = await firstMessage(worker);
  if (first.type === "opened") return new StoreClient(worker, identity.peerId, clock, log, first.life);
  await once(worker, "exit");
  throw first.type === "failed" ? errorFromJson(first.error) : new CoveyError("internal", "the store did not open");
}

/** What the worker says first; log lines of opening the store are let go. */
async function firstMessage(worker: Worker): Promise<FromWorker> {
  for (;;) {
    const [message] = (await once(worker, "message")) as [FromWorker];
    if (message.type !== "log") return message;
  }
}

const closed = (): CoveyError => new CoveyError("closed", "the store was closed");

class StoreClient implements SpaceStore {
  readonly author: PeerId;
  readonly #failed = Promise.withResolvers<CoveyError>();
  readonly failed = this.#failed.promise;
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #changes = createListeners<readonly [space: SpaceId, seq: number]>();
  readonly #exited: Promise<unknown>;
  #life: LifeNow;
  #lastCall = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #closing = false;
  /** Why there are no more answers. */
  #ended: CoveyError | undefined;

  constructor(worker: Worker, author: PeerId, clock: Clock, log: Logger, life: LifeNow) {
    this.author = author;
    this.#worker = worker;
    this.#clock = clock;
    this.#log = log;
    this.#life = life;
    this.#exited = new Promise((resolve) => worker.once("exit", resolve));
    worker.on("message", (message: FromWorker) => this.#take(message));
    worker.on("error", (error) => this.#end(fromPlatform(error, "go on with the store")));
    worker.once("exit", () => this.#end(closed()));
    // The process may end when nothing but an idle store is left.
    worker.unref();
    this.#waitForDeferred();
  }

  storeId = (): StoreId => this.#life.storeId;
  incarnation = (): Incarnation => this.#life.incarnation;

  self: SpaceStore["self"] = () => this.#call("self");
  direct: SpaceStore["direct"] = (peer) => this.#call("direct", peer);
  spaces: SpaceStore["spaces"] = () => this.#call("spaces");

  write: SpaceStore["write"] = (space, writes) => this.#call("write", this.#clock.nowMs(), space, writes);
  get: SpaceStore["get"] = (space, path) => this.#call("get", space, path);
  list: SpaceStore["list"] = (space, prefix, page) => this.#call("list", space, prefix, page);
  changes: SpaceStore["changes"] = (space, prefix, after, limit) => this.#call("changes", space, prefix, after, limit);
  now: SpaceStore["now"] = (space) => this.#call("now", space);
  subscribe: SpaceStore["subscribe"] = (listener) => this.#changes.add(([space, seq]) => listener(space, seq));

  cursorFor: SpaceStore["cursorFor"] = (space, neighbour) => this.#call("cursorFor", space, neighbour);
  outgoing: SpaceStore["outgoing"] = (space, neighbour, from) => this.#call("outgoing", space, neighbour, from);
  acknowledged: SpaceStore["acknowledged"] = (space, neighbour, seq) => this.#call("acknowledged", space, neighbour, seq);
  waitingFor: SpaceStore["waitingFor"] = (space, neighbour) => this.#call("waitingFor", space, neighbour);
  incoming: SpaceStore["incoming"] = (...args) => this.#call("incoming", this.#clock.nowMs(), ...args);

  putLocal: SpaceStore["putLocal"] = (service, records) => this.#call("putLocal", service, records);
  getLocal: SpaceStore["getLocal"] = (service, key) => this.#call("getLocal", service, key);
  listLocal: SpaceStore["listLocal"] = (service, prefix) => this.#call("listLocal", service, prefix);

  async close(): Promise<void> {
    clearTimeout(this.#retryTimer);
    if (this.#ended === undefined && !this.#closing) {
      this.#closing = true;
      this.#worker.ref();
      this.#worker.postMessage("close");
    }
    await this.#exited;
  }

  #call<Name extends CallName>(name: Name, ...args: Parameters<Calls[Name]>): Promise<ReturnType<Calls[Name]>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#closing) return Promise.reject(closed());
    if (this.#pending.size >= LIMITS.storeCalls) {
      return Promise.reject(new CoveyError("limit", `${LIMITS.storeCalls} calls to the store are under way already`));
    }
    const nowMs = this.#clock.nowMs();
    if (nowMs >= (this.#life.dueMs ?? Infinity) && name !== "retry") this.#retry(nowMs);
    const call: Call = { id: ++this.#lastCall, name, args };
    const answer = Promise.withResolvers<unknown>();
    // First: it throws for what can't be cloned.
    this.#worker.postMessage(call);
    this.#pending.set(call.id, answer);
    this.#worker.ref();
    return answer.promise as Promise<ReturnType<Calls[Name]>>;
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case "answers":
        return this.#settle(message.answers);
      case "committed":
        this.#life = message.life;
        this.#settle(message.answers);
        for (const changed of message.changed) this.#changes.emit(changed);
        return this.#waitForDeferred();
      case "log":
        return this.#log[message.level](message.facts, message.text);
      case "opened":
      case "failed":
    }
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const pending = this.#pending.get(answer.id)!;
      this.#pending.delete(answer.id);
      if ("error" in answer) pending.reject(errorFromJson(answer.error));
      else pending.resolve(answer.value);
    }
    if (this.#pending.size === 0 && !this.#closing) this.#worker.unref();
  }

  #waitForDeferred(): void {
    clearTimeout(this.#retryTimer);
    if (this.#life.dueMs === undefined || this.#closing || this.#ended !== undefined) return;
    const delay = Math.max(0, Math.min(this.#life.dueMs - this.#clock.nowMs(), MAX_RETRY_DELAY_MS));
    this.#retryTimer = setTimeout(() => {
      if (this.#clock.nowMs() >= (this.#life.dueMs ?? Infinity)) this.#retry(this.#clock.nowMs());
      else this.#waitForDeferred();
    }, delay);
    this.#retryTimer.unref();
  }

  #retry(nowMs: number): void {
    this.#life = { ...this.#life, dueMs: undefined };
    this.#call("retry", nowMs).catch((error: unknown) => {
      this.#log.warn({ error: String(error) }, "deferred entries could not be taken up");
      // They are still due: not at once, or a full disk would keep this going without a pause.
      this.#life = { ...this.#life, dueMs: this.#clock.nowMs() + MAX_RETRY_DELAY_MS };
      this.#waitForDeferred();
    });
  }

  #end(why: CoveyError): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    if (!this.#closing) this.#failed.resolve(why);
    clearTimeout(this.#retryTimer);
    for (const { reject } of this.#pending.values()) reject(why);
    this.#pending.clear();
  }
}
