// What is served, as answers: files, directories as pages or JSON, the list.

import type { IncomingHttpHeaders } from "node:http";
import { basename } from "node:path";

import { CoveyError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Served } from "../served.ts";
import { prefers } from "./accept.ts";
import { type Answer, COMMON_HEADERS, json, page, problem } from "./answer.ts";
import { namesTag } from "./conditions.ts";
import { answerWithFile } from "./file-answer.ts";
import type { Hashes } from "./hashes.ts";
import { listDirectory } from "./listing.ts";
import { Listings } from "./listings.ts";
import { type FoundDirectory, openBelow } from "./open-below.ts";
import { renderDirectory } from "./pages/directory.ts";
import { type ListView, renderList } from "./pages/list.ts";
import { nameHref } from "./pages/names.ts";
import { HASH_TAG, representationOf } from "./representation.ts";
import { ServedFile } from "./served-file.ts";
import { SmallFiles, type Walked } from "./small-files.ts";
import type { Target } from "./target.ts";
import type { UploadView } from "./pages/upload.ts";
import type { Uploads } from "./upload/uploads.ts";

export interface Question {
  readonly method: "GET" | "HEAD";
  readonly target: Target;
  readonly headers: IncomingHttpHeaders;
  readonly plain: boolean;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** The answer to what is not there, and to what is not served, and to everything without the token: the same bytes. */
export const nothingHere = (accept: string | undefined): Answer => problem({ status: 404 }, accept);

export class Site {
  readonly #served: Served;
  readonly #hashes: Hashes;
  readonly #uploads: Uploads | undefined;
  readonly #listings = new Listings();
  /** Of the directory, when there is one. */
  readonly #small: SmallFiles | undefined;

  constructor(served: Served, hashes: Hashes, uploads: Uploads | undefined) {
    this.#served = served;
    this.#hashes = hashes;
    this.#uploads = uploads;
    this.#small = served.directory === undefined ? undefined : new SmallFiles(served.directory, served.clock);
  }

  /** With a slash at its end or without; the root is one, whatever is served there. */
  async hasDirectory({ names }: Target): Promise<boolean> {
    const { directory } = this.#served;
    if (names.length === 0) return true;
    const found = directory === undefined ? undefined : await openBelow(directory, names);
    await found?.handle.close();
    return found?.kind === "directory";
  }

  async answer(question: Question): Promise<Answer> {
    const { target, headers } = question;
    const { directory, list } = this.#served;
    const isRoot = target.names.length === 0;
    if (isRoot && !target.slash) return redirect(target);
    if (isRoot && list !== undefined && (directory === undefined || target.query === "list")) return this.#listAnswer(question);
    if (directory === undefined) return nothingHere(headers.accept);
    const { names, slash } = target;
    const small = slash ? undefined : await this.#small!.find(names);
    if (small !== undefined) return answerWithFile(small.bytes, small.about, question);
    const begunMs = this.#served.clock.nowMs();
    const found = await openBelow(directory, names);
    if (found === undefined) return nothingHere(headers.accept);
    if (found.kind === "file") {
      if (!slash) return this.#fileAnswer(await ServedFile.of(found), { names, way: found.way, begunMs }, question);
    } else if (slash) {
      return this.#listings.answer(() => this.#directoryAnswer(found, directory, question), headers.accept);
    }
    await found.handle.close();
    return found.kind === "file" ? nothingHere(headers.accept) : redirect(target);
  }

  async #fileAnswer(file: ServedFile, walked: Walked, question: Question): Promise<Answer> {
    let answer: Answer | undefined;
    try {
      const small = await this.#small!.read(file, walked);
      if (small !== undefined) return answerWithFile(small.bytes, small.about, question);
      const hash = await hashFor(file, question, this.#hashes);
      const about = representationOf(walked.names.at(-1)!, file, hash, this.#served.clock.nowMs());
      answer = answerWithFile(file, about, question);
      return answer;
    } finally {
      if (!isWithFile(answer)) await file.release();
    }
  }

  async #directoryAnswer(found: FoundDirectory, root: string, question: Question): Promise<Answer> {
    const { target, headers, signal } = question;
    try {
      const { entries, more } = await listDirectory(root, target.names, found, signal);
      if (wantsJson(headers)) {
        const shown = entries.map(({ name, kind, size, mtimeMs }) => {
          const href = `${nameHref(name)}${kind === "directory" ? "/" : ""}`;
          return { name: name.toString(), kind, size, mtimeMs, href };
        });
        return json(200, shown, more === 0 ? {} : { "X-More-Names": String(more) });
      }
      const list = target.names.length === 0 ? await this.#listView() : undefined;
      const view = {
        root: Buffer.from(basename(root)),
        path: target.names,
        entries,
        more,
        list,
        upload: this.#uploadView(target),
      };
      return page(200, renderDirectory(view), { Vary: "Accept" });
    } finally {
      await found.handle.close();
    }
  }

  async #listAnswer({ headers, target }: Question): Promise<Answer> {
    const view = (await this.#listView())!;
    if (!wantsJson(headers)) return page(200, renderList(view, this.#uploadView(target)), { Vary: "Accept" });
    return view.problem === undefined ? json(200, view.values) : problem({ status: 409, why: view.problem }, headers.accept);
  }

  /** A browser without scripts is led here after an upload. */
  #uploadView({ query }: Target): UploadView | undefined {
    if (this.#uploads === undefined) return undefined;
    return { receipt: this.#uploads.receipt(/^received=(.+)$/.exec(query)?.[1] ?? "") };
  }

  async #listView(): Promise<ListView | undefined> {
    const { list } = this.#served;
    if (list === undefined) return undefined;
    try {
      return { name: list.key, values: await list.read(), problem: undefined };
    } catch (error) {
      if (error instanceof CoveyError && error.code === "refused") return { name: list.key, values: [], problem: error.message };
      throw error;
    }
  }
}

/** Made before the answer where that is quick, or plainly what is asked for; else when there is time. */
async function hashFor(file: ServedFile, { method, headers, signal }: Question, hashes: Hashes): Promise<string | undefined> {
  const known = hashes.known(file);
  if (known !== undefined) return known;
  if (method !== "HEAD" && file.size > LIMITS.gatewayHashFirstBytes && !namesTag(headers, HASH_TAG)) {
    hashes.wantLater(file);
    return undefined;
  }
  return hashes.wantNow(file, signal);
}

export const isWithFile = (answer: Answer | undefined): answer is Answer & { readonly body: { readonly file: ServedFile } } =>
  answer?.body !== undefined && !Buffer.isBuffer(answer.body);

const wantsJson = ({ accept }: IncomingHttpHeaders): boolean => prefers(accept, "application/json", ["text/html"]);

/** Relative, since only the client knows by which name it came. "./": the name might have a colon. */
const redirect = ({ last }: Target): Answer => ({
  status: 301,
  // Not for ever, which COMMON_HEADERS see to: a file may be in its place tomorrow.
  headers: { ...COMMON_HEADERS, Location: `./${last}/` },
  body: undefined,
});
