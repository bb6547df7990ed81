// Programs where one write is one message, and nobody says where an answer ends.
//
//   1. a list is not to have a greeting in it: one that comes is heard first, and is over
//   2. the message goes out, alone, in one write
//   3. whatever comes is the answer, or a greeting to a mere message, until the other end closes or pauses
//   4. the connection is left in a way that surprises nobody

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import type { PlainAnswer } from "./contract.ts";
import { dial } from "./tcp/dial.ts";
import type { PlainSocket } from "./tcp/socket.ts";
import { dialledAddress } from "./urls.ts";

/** What covey's own servings begin a refusal with: docs/serve.md. */
const REFUSAL = /^refused: (.*?)[\r\n]*$/s;

interface AskOptions {
  readonly signal: AbortSignal | undefined;
  /** A greeting is no part of the answer: it is waited for. */
  readonly greetingApart?: boolean;
}

export async function ask(url: string, text: string, { signal, greetingApart = false }: AskOptions): Promise<PlainAnswer> {
  const target = dialledAddress(url);
  const bytes = Buffer.from(text);
  if (bytes.length === 0)
    throw new CoveyError("bad-argument", "a message of no characters is nothing that could be sent", { hint: "Say something." });
  if (bytes.length > LIMITS.plainMessageBytes)
    throw new CoveyError(
      "limit",
      `the message has ${bytes.length} bytes; a plain program may read no more than ${LIMITS.plainMessageBytes}, and acknowledge it all the same`,
      { hint: "Send it in parts; `covey pipe` sends any number of bytes, for programs that read on." },
    );
  const beganMs = performance.now();
  const socket = await dial(target, signal);
  try {
    if (greetingApart) await hearGreeting(socket, performance.now() - beganMs);
    await socket.write(bytes);
    const answer = await answerOf(socket);
    assertWelcome(socket, answer);
    return answer;
  } finally {
    socket.leave();
  }
}

/** Said when a connection is accepted, which is one way later; so is its way back. */
async function hearGreeting(socket: PlainSocket, connectedAfterMs: number): Promise<void> {
  if (!(await socket.ready(LIMITS.plainGreetingMs + connectedAfterMs))) return;
  const greeting = await answerOf(socket);
  assertWelcome(socket, greeting);
  if (!greeting.closed) return;
  const said = greeting.text === "" ? "" : ` said ${printable(JSON.stringify(greeting.text.slice(0, 200)))} and`;
  throw new CoveyError("connection-lost", `${socket.remote}${said} closed before it was asked anything`, {
    hint: "See that the program over there keeps a list, and has room for one more connection.",
  });
}

function assertWelcome({ remote }: PlainSocket, { text }: PlainAnswer): void {
  const [, reason] = REFUSAL.exec(text) ?? [];
  if (reason !== undefined)
    throw new CoveyError("refused", `${remote} refused it: ${printable(reason)}`, { hint: "Ask the person over there." });
}

async function answerOf(socket: PlainSocket): Promise<PlainAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const answer = (closed: boolean): PlainAnswer => ({ text: Buffer.concat(parts).toString(), closed });
  const beganMs = performance.now();
  for (let patienceMs: number = LIMITS.plainAnswerMs; await socket.ready(patienceMs); patienceMs = LIMITS.plainPauseMs) {
    const part = await socket.read().catch((error: unknown) => {
      // One that closes without having read all we said cuts the connection behind its answer.
      if (bytes > 0 && error instanceof CoveyError && error.code === "connection-lost") return null;
      throw error;
    });
    if (part === null) return answer(true);
    parts.push(part);
    bytes += part.length;
    if (bytes > LIMITS.plainAnswerBytes) throw talksOn(socket, `more than ${LIMITS.plainAnswerBytes} bytes`);
    if (performance.now() - beganMs > LIMITS.plainTalkMs) throw talksOn(socket, `more than ${LIMITS.plainTalkMs / 1000} s`);
  }
  if (bytes > 0) return answer(false);
  throw new CoveyError("timeout", `${socket.remote} took the message, and said nothing for ${LIMITS.plainAnswerMs / 1000} s`, {
    hint: "It may be a program that never answers; `covey pipe` shows what it says later.",
  });
}

const talksOn = ({ remote }: PlainSocket, howLong: string): CoveyError =>
  new CoveyError("limit", `${remote} talks on without a pause for ${howLong}`, {
    hint: "`covey pipe` shows what it says, as long as it does.",
  });
