// Programs where one write is one message, and nobody says where an answer ends.
//
//   1. the message goes out, alone, in one write
//   2. whatever comes is the answer, a greeting as well, until the other end closes or pauses
//   3. the connection is left in a way that surprises nobody

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import type { PlainAnswer } from "./contract.ts";
import { dial } from "./tcp/dial.ts";
import type { PlainSocket } from "./tcp/socket.ts";
import { dialledAddress } from "./urls.ts";

/** What covey's own servings begin a refusal with: docs/serve.md. */
const REFUSAL = /^refused: (.*?)[\r\n]*$/s;

export async function ask(url: string, text: string, signal: AbortSignal | undefined): Promise<PlainAnswer> {
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
  const socket = await dial(target, signal);
  try {
    await socket.write(bytes);
    const answer = await answerOf(socket);
    const [, reason] = REFUSAL.exec(answer.text) ?? [];
    if (reason !== undefined)
      throw new CoveyError("refused", `${socket.remote} refused it: ${printable(reason)}`, {
        hint: "Ask the person over there.",
      });
    return answer;
  } finally {
    socket.leave();
  }
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
