// The thread of trees (tree-worker.ts) for those who need it. 1. it is started when something is to be made  2. calls go over and are
// answered  3. it ends when nothing that it made is left and nobody has come for a while  4. if it dies, what was pending fails, and
// who comes next gets a new one.

import { Worker } from "node:worker_threads";

import { CoveyError, errorFromJson } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { type FromWorker, received, type ToWorker } from "./tree-calls.ts";
import type { Makers } from "./tree-worker.ts";

type MethodName<T> = { [Key in keyof T]: T[Key] extends (...args: never[]) => unknown ? Key : never }[keyof T] & string;
type Method<T, Name extends keyof T> = T[Name] extends (...args: infer Args) => infer Result ? (args: Args) => Result : never;

/** An object in the thread. */
export interface Remote<T> {
  /** Rejects when it could not be made; its calls then reject too. */
  readonly made: Promise<void>;
  /**
   * Calls of one object are done in order, those of several in turns. A Buffer among the arguments that has its memory for itself is
   * given away. Rejects with what the method throws, `closed` after `end`, `internal` when the thread died, `limit`.
   */
  call<Name extends MethodName<T>>(
    name: Name,
    ...args: Parameters<Method<T, Name>>[0]
  ): Promise<Awaited<ReturnType<Method<T, Name>>>>;
  /** Closes it, after the call that is being done. */
  end(): void;
}

export class TreeThread {
  readonly #memoryMiB: number;
  readonly #idleMs: number;
  #running: Running | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ memoryMiB = LIMITS.treeThreadMiB, idleMs = LIMITS.treeThreadIdleMs } = {}) {
    this.#memoryMiB = memoryMiB;
    this.#idleMs = idleMs;
  }

  make<Name extends keyof Makers>(name: Name, ...args: Parameters<Makers[Name]>): Remote<Awaited<ReturnType<Makers[Name]>>> {
    if (this.#isClosed) throw closed();
    clearTimeout(this.#idle);
    if (this.#running?.isOver !== false) this.#running = new Running(this.#memoryMiB, () => this.#waitIdle());
    return this.#running.make(name, args);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#running?.stop(closed());
  }

  #waitIdle(): void {
    if (this.#isClosed) return;
    const running = this.#running!;
    this.#idle = setTimeout(() => void running.stop(closed()), this.#idleMs).unref();
  }
}

const closed = (): CoveyError => new CoveyError("closed", "the work on the files was ended");

/** One life of the thread. */
class Running {
  readonly #worker: Worker;
  readonly #onIdle: () => void;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown> & { readonly object: number }>();
  readonly #objects = new Set<number>();
  readonly #exited = Promise.withResolvers<void>();
  #lastNumber = 0;
  /** Why there are no more answers. */
  #over: CoveyError | undefined;

  constructor(memoryMiB: number, onIdle: () => void) {
    this.#onIdle = onIdle;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#worker = new Worker(new URL(`./tree-worker.${extension}`, import.meta.url), {
      name: "trees",
      // The flags of the program around it are not for a file of ours.
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: memoryMiB },
    });
    this.#worker.on("message", (message: FromWorker) => this.#take(message));
    this.#worker.on("error", (cause: Error) =>
      this.#end(new CoveyError("internal", `the thread for files failed: ${cause.message}`, { cause })),
    );
    this.#worker.once("exit", () => {
      this.#end(new CoveyError("internal", "the thread for files ended"));
      this.#exited.resolve();
    });
    // The process may end when nothing but an idle thread is left.
    this.#worker.unref();
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  make<T>(name: string, args: readonly unknown[]): Remote<T> {
    const object = ++this.#lastNumber;
    this.#objects.add(object);
    const made = this.#send(object, "make", name, args) as Promise<void>;
    // Whoever does not look at it learns it from the first call.
    made.catch(() => {});
    return {
      made,
      call: (method, ...rest) => this.#send(object, "call", method, rest) as Promise<never>,
      end: () => this.#endObject(object),
    };
  }

  /** Resolves when the thread is gone, and all that it had open is closed. */
  async stop(why: CoveyError): Promise<void> {
    this.#end(why);
    await this.#worker.terminate();
    await this.#exited.promise;
  }

  #send(object: number, type: "make" | "call", name: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (!this.#objects.has(object)) return Promise.reject(closed());
    if (this.#pending.size >= LIMITS.treeCalls) {
      return Promise.reject(new CoveyError("limit", `${LIMITS.treeCalls} calls to the thread for files are under way already`));
    }
    const id = ++this.#lastNumber;
    this.#worker.postMessage({ type, object, id, name, args } satisfies ToWorker, args.flatMap(ownMemory));
    const answer = { ...Promise.withResolvers<unknown>(), object };
    this.#pending.set(id, answer);
    this.#worker.ref();
    return answer.promise;
  }

  #take(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    // Its object was ended meanwhile.
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if ("error" in message) pending.reject(errorFromJson(message.error));
    else pending.resolve(received(message.value));
    this.#rest();
  }

  #endObject(object: number): void {
    if (!this.#objects.delete(object) || this.#over !== undefined) return;
    this.#worker.postMessage({ type: "end", object } satisfies ToWorker);
    for (const [id, pending] of this.#pending) {
      if (pending.object !== object) continue;
      this.#pending.delete(id);
      pending.reject(closed());
    }
    this.#rest();
    if (this.#objects.size === 0) this.#onIdle();
  }

  #rest(): void {
    if (this.#pending.size === 0) this.#worker.unref();
  }

  #end(why: CoveyError): void {
    if (this.#over !== undefined) return;
    this.#over = why;
    for (const { reject } of this.#pending.values()) reject(why);
    this.#pending.clear();
    this.#rest();
  }
}

/** Never a part of memory that others have parts of, such as Node's pool. */
function ownMemory(value: unknown): ArrayBuffer[] {
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer)) return [];
  return value.byteLength === value.buffer.byteLength && value.byteLength > Buffer.poolSize ? [value.buffer] : [];
}
