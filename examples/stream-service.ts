// A log collector: `node examples/stream-service.ts collect` prints, with their names, the lines that paired peers send it; elsewhere
// `some-program | node examples/stream-service.ts send NAME` sends them. Ctrl-C ends the collector.

import {
  type CallOptions,
  connect,
  type Covey,
  CoveyError,
  type PeerHandle,
  printable,
  type StreamRegistration,
} from "../src/index.ts";

const NAME = "log";
const LINE_CHARS = 10_000;

/** Shows what peers send until it is disposed of, or the signal aborts; each is told how many lines were shown. */
export function collect(me: Covey, show: (line: string) => void, options: CallOptions = {}): Promise<StreamRegistration> {
  return me.handle(NAME, options, async (stream, { peer }) => {
    let count = 0;
    for await (const line of linesOf(stream)) {
      show(`${peer}: ${printable(line)}`);
      count++;
    }
    // Only now: an answer that comes says that all before it was shown.
    await stream.write(Buffer.from(String(count)));
  });
}

/** Resolves with how many lines were shown over there. */
export async function send(peer: PeerHandle, lines: AsyncIterable<string>): Promise<number> {
  await using stream = await peer.open(NAME);
  for await (const line of lines) await stream.write(Buffer.from(`${line}\n`));
  await stream.end();
  let shown = "";
  for await (const chunk of stream) shown += Buffer.from(chunk).toString();
  return Number(shown);
}

/** However the bytes were cut on their way; a line that does not end is cut at LINE_CHARS, so that nobody can fill the memory with one. */
async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of stream) {
    const lines = (held + decoder.decode(chunk, { stream: true })).split("\n");
    held = lines.pop()!;
    yield* lines;
    if (held.length < LINE_CHARS) continue;
    yield held;
    held = "";
  }
  if (held !== "") yield held;
}

async function main(what?: string, name = ""): Promise<void> {
  await using me = await connect();
  if (what === "send") {
    console.log(`${await send(me.peer(name), linesOf(process.stdin))} lines shown`);
    return;
  }
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once("SIGINT", end);
  try {
    const collector = await collect(me, console.log, { signal: ending.signal });
    console.log("collecting");
    const why = await collector.closed;
    if (why !== undefined) throw why;
  } finally {
    process.off("SIGINT", end);
  }
}

if (import.meta.main) {
  await main(...process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof CoveyError)) throw error;
    console.error(error.message, error.hint ?? "");
    process.exitCode = error.exitCode;
  });
}
