// What an example shows and is told, line by line.

/** Lines to be read once, as they are pushed; `end` ends them. */
export class Lines implements AsyncIterable<string> {
  readonly #waiting: string[] = [];
  #ended = false;
  #more = Promise.withResolvers<void>();

  readonly push = (line: string): void => {
    this.#waiting.push(line);
    this.#more.resolve();
  };

  end(): void {
    this.#ended = true;
    this.#more.resolve();
  }

  /** The next line; rejects when they have ended. */
  async next(): Promise<string> {
    for await (const line of this) return line;
    throw new Error("there are no more lines");
  }

  /** The next line that matches; rejects when they have ended without one. */
  async until(wanted: RegExp): Promise<string> {
    for await (const line of this) if (wanted.test(line)) return line;
    throw new Error(`there was no ${wanted}`);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for (;;) {
      if (this.#waiting.length > 0) yield this.#waiting.shift()!;
      else if (this.#ended) return;
      else {
        this.#more = Promise.withResolvers();
        await this.#more.promise;
      }
    }
  }
}
