// covey as the client of plain programs: nothing here needs a peer, a home or a daemon.

import type { Plain } from "./contract.ts";
import { download } from "./download/download.ts";
import { getAnswer } from "./http/answer.ts";
import { getList, setList } from "./list.ts";
import { ask } from "./message.ts";
import { openListener, openStream } from "./tcp/stream.ts";
import { parseHttpUrl } from "./urls.ts";

export const plain: Plain = {
  download,
  async *read(url, { signal } = {}) {
    const answer = await getAnswer(parseHttpUrl(url), undefined, signal);
    yield* answer.body();
  },
  message: (url, text, { signal } = {}) => ask(url, text, signal),
  getList: (url, { signal } = {}) => getList(url, signal),
  setList: (url, values, { signal } = {}) => setList(url, values, signal),
  connect: (url, { signal } = {}) => openStream(url, signal),
  listen: openListener,
};
