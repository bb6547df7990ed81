// Trees written in the thread, for everybody else; the blocks of large files by whoever called, in Node's own.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

import { untilAborted } from "../../core/async.ts";
import type { LargeFile, Placed, Staging, StagingId, TreeWriter, Written } from "./contract.ts";
import { writeFailure } from "./staging/failure.ts";
import type { StagedTree } from "./staging/staged-tree.ts";
import type { Remote, TreeThread } from "./tree-thread.ts";

const READ_WRITE = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** `close` closes the thread. */
export function createTreeWriter(thread: TreeThread): TreeWriter {
  return {
    async create(path, { signal }) {
      signal.throwIfAborted();
      const remote = thread.make("staging");
      try {
        return new RemoteStaging(remote, await untilAborted(remote.call("create", path), signal), false);
      } catch (error) {
        remote.end();
        throw error;
      }
    },
    async reopen(id, { after = "", large }, { signal }) {
      signal.throwIfAborted();
      const remote = thread.make("staging");
      try {
        const found = await untilAborted(remote.call("reopen", id, { after, large }), signal);
        if (found !== undefined) return new RemoteStaging(remote, id, found.isPlacing);
      } catch (error) {
        remote.end();
        throw error;
      }
      remote.end();
      return undefined;
    },
    async remove(id) {
      const remote = thread.make("staging");
      try {
        await remote.call("remove", id);
      } finally {
        remote.end();
      }
    },
    close: () => thread.close(),
  };
}

class RemoteStaging implements Staging {
  readonly id: StagingId;
  readonly isPlacing: boolean;
  readonly #remote: Remote<StagedTree>;

  constructor(remote: Remote<StagedTree>, id: StagingId, isPlacing: boolean) {
    this.#remote = remote;
    this.id = id;
    this.isPlacing = isPlacing;
  }

  write(pack: Buffer): Promise<Written> {
    return this.#remote.call("write", pack);
  }

  async openLarge(path: string): Promise<FileHandle> {
    const { at, token } = await this.#remote.call("locate", path);
    try {
      return await open(at, READ_WRITE);
    } catch (error) {
      throw writeFailure(error, `open "${path}"`);
    } finally {
      // When that fails, the thread has closed it already.
      this.#remote.call("release", token).catch(() => {});
    }
  }

  finishLarge(file: LargeFile): Promise<void> {
    return this.#remote.call("finishLarge", file);
  }

  dropLarge(path: string): Promise<void> {
    return this.#remote.call("dropLarge", path);
  }

  sync(): Promise<void> {
    return this.#remote.call("sync");
  }

  async place(into: string, { signal, conflict, as }: Parameters<Staging["place"]>[1]): Promise<Placed> {
    signal.throwIfAborted();
    try {
      return await untilAborted(this.#remote.call("place", into, { conflict, as }), signal);
    } finally {
      // It does not go on unseen.
      if (signal.aborted) this.#remote.end();
    }
  }

  async close(): Promise<void> {
    try {
      await this.#remote.call("close");
    } finally {
      this.#remote.end();
    }
  }
}
