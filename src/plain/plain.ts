// covey as the client of plain programs: nothing here needs a peer, a home or a daemon. Each part is loaded when it is used first: most who
// import the library never do.

import type { Plain } from "./contract.ts";

export const plain: Plain = {
  async download(url, options) {
    const { download } = await import("./download/download.ts");
    return download(url, options);
  },
  async *read(url, options = {}) {
    const { readUrl } = await import("./http/answer.ts");
    yield* readUrl(url, options);
  },
  async message(url, text, { signal } = {}) {
    const { ask } = await import("./message.ts");
    return ask(url, text, { signal });
  },
  async getList(url, { signal } = {}) {
    const { getList } = await import("./list.ts");
    return getList(url, signal);
  },
  async setList(url, values, { signal } = {}) {
    const { setList } = await import("./list.ts");
    return setList(url, values, signal);
  },
  async connect(url, { signal } = {}) {
    const { openStream } = await import("./tcp/stream.ts");
    return openStream(url, signal);
  },
  async listen(url) {
    const { openListener } = await import("./tcp/stream.ts");
    return openListener(url);
  },
};
