// The thread of trees: objects, each at work for one walk, count or staging directory, and their calls.
//
//   1. take what has come: objects to make, calls of them, objects to end
//   2. begin one call of the object whose turn it is, so that a large tree does not hold up a small one
//   3. answer; the object then has its next turn after the others

import { type MessagePort, parentPort } from "node:worker_threads";

import { CoveyError, fromPlatform } from "../../core/errors.ts";
import type { TreeRoot, WalkOptions } from "./contract.ts";
import { TreeWalker } from "./reader.ts";
import { TreeScan } from "./scan.ts";
import { StagedTree } from "./staging/staged-tree.ts";
import { type FromWorker, received, type ToWorker } from "./tree-calls.ts";

/** Arguments and results can be cloned. `close` may come at any time, amid an asynchronous call too. */
interface Made {
  close(): void | Promise<void>;
}

/** What the thread makes. */
const MAKERS = {
  scan: (roots: readonly TreeRoot[]) => new TreeScan(roots),
  walk: (roots: readonly TreeRoot[], options: WalkOptions) => new TreeWalker(roots, options),
  staging: () => new StagedTree(),
} satisfies Record<string, (...args: never[]) => Made | Promise<Made>>;

export type Makers = typeof MAKERS;

type Work = Exclude<ToWorker, { type: "end" }>;
type Method = (...args: readonly unknown[]) => unknown;

/** An object, or what will be one. */
interface Place {
  made: Made | undefined;
  /** The first is under way when the place has no turn. */
  readonly work: Work[];
  isEnded: boolean;
}

serve(parentPort!);

function serve(port: MessagePort): void {
  const places = new Map<number, Place>();
  /** Those whose first work can begin, in the order of their turns. */
  const turns = new Set<Place>();
  let isTurnSet = false;

  const take = (message: ToWorker): void => {
    const place = places.get(message.object) ?? { made: undefined, work: [], isEnded: false };
    if (message.type === "end") {
      places.delete(message.object);
      turns.delete(place);
      place.isEnded = true;
      close(place);
      return;
    }
    places.set(message.object, place);
    place.work.push(message);
    if (place.work.length === 1) addTurn(place);
  };

  const addTurn = (place: Place): void => {
    turns.add(place);
    setTurn();
  };

  /** What comes meanwhile is taken before the next turn. */
  const setTurn = (): void => {
    if (isTurnSet || turns.size === 0) return;
    isTurnSet = true;
    setImmediate(turn);
  };

  const turn = (): void => {
    isTurnSet = false;
    const [place] = turns;
    if (place === undefined) return;
    turns.delete(place);
    setTurn();
    void answer(port, place, place.work[0]!).then(() => {
      place.work.shift();
      if (place.work.length > 0 && !place.isEnded) addTurn(place);
    });
  };

  port.on("message", take);
}

async function answer(port: MessagePort, place: Place, { id, ...work }: Work): Promise<void> {
  try {
    const value = await perform(place, work);
    port.postMessage({ id, value } satisfies FromWorker, ownMemory(value));
  } catch (error) {
    port.postMessage({ id, error: fromPlatform(error, "work on the files").toJSON() } satisfies FromWorker);
  }
}

async function perform(place: Place, { type, name, args }: Omit<Work, "id">): Promise<unknown> {
  if (type === "call") {
    if (place.made === undefined) throw new CoveyError("closed", "this work on the files did not begin");
    return (place.made as unknown as Record<string, Method>)[name]!(...args.map(received));
  }
  place.made = (await (MAKERS as unknown as Record<string, Method>)[name]!(...args.map(received))) as Made;
  // Ended while it was made.
  if (place.isEnded) close(place);
  return undefined;
}

/** Whoever ended it waits for nothing. */
function close({ made }: Place): void {
  void Promise.resolve(made?.close()).catch(() => {});
}

/** Bytes that a call returns are given away, unless they share Node's pool with others. */
function ownMemory(value: unknown): ArrayBuffer[] {
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer)) return [];
  return value.buffer.byteLength > Buffer.poolSize ? [value.buffer] : [];
}
