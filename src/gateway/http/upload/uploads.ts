// What uploads to a serving are answered with, as the client can read it: a page, JSON or text.
//
//   1. the files are received (receive.ts), and told of as they are in place
//   2. there is one answer, whatever came of it. A browser without scripts is sent back to the page it came from, which shows the receipt

import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";

import { CoveyError, type ErrorCode, fromPlatform } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { formatSize } from "../../../core/size.ts";
import { printable } from "../../../core/text.ts";
import { groupOf } from "../../../transport/address.ts";
import { clientOf } from "../../client.ts";
import type { Served } from "../../served.ts";
import { prefers, wantsPage } from "../accept.ts";
import { endAnswer } from "../end-answer.ts";
import { PAGE_HEADERS } from "../pages/page.ts";
import { renderProblem } from "../pages/problem.ts";
import type { Receipt } from "../pages/upload.ts";
import { type ReceivedFile, removeAbandoned } from "./part.ts";
import { receiveUpload } from "./receive.ts";
import { Room } from "./room.ts";

/** The disk is one for all servings. */
const ROOM = new Room();

interface UploadNeeds extends Pick<Served, "tell" | "clock" | "log"> {
  readonly into: string;
}

/** The same for all who ask; what a file system says stays here. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  "bad-argument": 400,
  timeout: 408,
  limit: 413,
  "no-space": 507,
};

interface Outcome {
  readonly status: number;
  readonly files: readonly ReceivedFile[];
  readonly problem: string | undefined;
  readonly hint: string | undefined;
}

/** Of one serving. */
export class Uploads {
  readonly #needs: UploadNeeds;
  readonly #receipts = new Map<string, Receipt>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #tidyAgain: NodeJS.Timeout;
  #tidied: Promise<void>;

  constructor(needs: UploadNeeds) {
    this.#needs = needs;
    const tidy = (): Promise<void> => removeAbandoned(needs.into, needs.clock).catch(() => {});
    this.#tidied = tidy();
    // What a kill has left just now is old enough by then.
    this.#tidyAgain = setTimeout(() => void (this.#tidied = tidy()), LIMITS.uploadAbandonedMs).unref();
  }

  /**
   * Answers a POST that may upload. `begin` is called once its body is wanted. Resolves when nothing is left to do for it; when the client
   * goes away within, nothing is answered.
   */
  async answer(request: IncomingMessage, response: ServerResponse, begin: () => void): Promise<void> {
    response.on("error", () => {});
    const answering = this.#receive(request, begin).then((outcome) => outcome && this.#tell(outcome, request, response));
    const done = answering.then(
      () => {},
      () => {},
    );
    this.#running.add(done);
    try {
      await answering;
    } finally {
      this.#running.delete(done);
    }
  }

  /** What was received by the upload that led to a page, which has its id in its address. */
  receipt(id: string): Receipt | undefined {
    return this.#receipts.get(id);
  }

  /** Ends those that run; nothing of them is left, nor answered. */
  async close(): Promise<void> {
    this.#closing.abort(new CoveyError("closed", "this is not served any more"));
    clearTimeout(this.#tidyAgain);
    await Promise.all([this.#tidied, ...this.#running]);
  }

  async #receive(request: IncomingMessage, begin: () => void): Promise<Outcome | undefined> {
    const { into, clock, tell, log } = this.#needs;
    const from = clientOf(request.socket);
    const files: ReceivedFile[] = [];
    if (!/^multipart\/form-data *;/i.test(request.headers["content-type"] ?? "")) {
      return { status: 415, files, problem: "this is no upload", hint: "Send files as a form does, or with curl -F file=@NAME." };
    }
    using place = ROOM.enter(groupOf(request.socket.remoteAddress ?? ""));
    if (place === undefined) {
      const problem = "as many uploads are on their way already as are taken at once";
      return { status: 503, files, problem, hint: "Try again in a while." };
    }
    const received = (file: ReceivedFile): void => {
      files.push(file);
      tell({ type: "upload", atMs: clock.nowMs(), from, path: join(into, file.name), size: file.size });
    };
    try {
      await receiveUpload(request, { into, place, clock, signal: this.#closing.signal, begin, received });
    } catch (error) {
      const { code, message, hint } = fromPlatform(error, "receive the upload");
      if (code === "closed") return undefined;
      const status = STATUS[code];
      if (status !== undefined) return { status, files, problem: message, hint };
      log.warn({ error: message }, "an upload could not be received");
      return { status: 500, files, problem: "it could not be saved", hint: "Whoever runs this finds the reason in the log." };
    }
    if (files.length === 0)
      return { status: 400, files, problem: "there was no file in it", hint: "Choose one or more files first." };
    return { status: 201, files, problem: undefined, hint: undefined };
  }

  async #tell(outcome: Outcome, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { accept } = request.headers;
    const wantsJson = prefers(accept, "application/json", ["text/html"]);
    const { status, headers, body } = wantsJson ? asJson(outcome) : wantsPage(accept) ? this.#asPage(outcome) : asText(outcome);
    response.writeHead(status, {
      "X-Content-Type-Options": "nosniff",
      ...headers,
      "Content-Length": Buffer.byteLength(body),
      ...(outcome.status === 503 ? { "Retry-After": 5 } : {}),
      ...(request.complete ? {} : { Connection: "close" }),
    });
    await endAnswer(request, response, body);
  }

  #asPage({ status, files, problem, hint }: Outcome): Answer {
    if (files.length === 0) return { status, headers: PAGE_HEADERS, body: renderProblem({ status, problem, hint, back: "./" }) };
    const id = randomBytes(9).toString("base64url");
    this.#receipts.set(id, { files, problem });
    if (this.#receipts.size > LIMITS.uploadReceipts) this.#receipts.delete(this.#receipts.keys().next().value!);
    return { status: 303, headers: { Location: `./?received=${id}` }, body: "" };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const asJson = ({ status, ...said }: Outcome): Answer => ({
  status,
  headers: { "Content-Type": "application/json" },
  body: `${JSON.stringify(said)}\n`,
});

const asText = ({ status, files, problem, hint }: Outcome): Answer => ({
  status,
  headers: { "Content-Type": "text/plain; charset=utf-8" },
  body: [
    ...files.map(({ name, size }) => `received ${printable(name)}, ${formatSize(size)}\n`),
    ...(problem === undefined ? [] : [`refused: ${problem}${hint === undefined ? "" : `. ${hint}`}\n`]),
  ].join(""),
});
