// The bytes of one file in another peer's share, in order, each block verified before it is handed on. Nothing of it touches the disk.
//
//   1. what is at the path, and how large it is
//   2. its blocks, one after the other, each when the one before was taken; what was cut meanwhile is asked for again
//   3. END must be the id of the blob that these blocks make: only then was it the whole file

import { CoveyError } from "../../../core/errors.ts";
import type { PeerId } from "../../../core/ids.ts";
import { Manifest } from "../../../blob/manifest.ts";
import { fetchMissing } from "../fetch/fetch.ts";
import { HandOver } from "./hand-over.ts";
import { lookAt } from "./look-at.ts";
import { askFor, type AskingNeeds, told } from "./remote-walk.ts";
import { parseSharePath, type SharePath } from "./share-path.ts";

export async function* readShared(
  needs: AskingNeeds,
  peer: PeerId,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const at = parseSharePath(path);
  const found = await lookAt(needs, peer, at, signal);
  if (found.type === "directory")
    throw new CoveyError("bad-argument", `${JSON.stringify(at.path)} is a directory`, {
      hint: "Name one file in it, or get the directory into another one.",
    });
  const blocks = new HandOver();
  const left = new AbortController();
  const work = fetchInOrder(needs, peer, at, found.size, blocks, AbortSignal.any([signal, left.signal]));
  work.catch(() => {}).finally(() => blocks.end());
  try {
    yield* blocks.taken();
    await work;
  } finally {
    left.abort(new CoveyError("closed", "nobody reads the file any more"));
    blocks.end();
    await work.catch(() => {});
  }
}

async function fetchInOrder(
  needs: AskingNeeds,
  peer: PeerId,
  at: SharePath,
  size: number,
  blocks: HandOver,
  signal: AbortSignal,
): Promise<void> {
  const manifest = new Manifest(size);
  let token: string | undefined;
  const asking = {
    clock: needs.clock,
    placeWanted: () => false,
    onToken: async (given: string) => void (token = given),
    onBlock: () => {},
  };
  const add = async (block: number, hash: Buffer, bytes: Buffer): Promise<void> => {
    manifest.set(block, hash);
    await blocks.put(bytes);
  };
  for (;;) {
    const before = manifest.knownBytes;
    const { session, offer } = askFor(needs, peer, at.share);
    const outcome = await fetchMissing(asking, session, { offer, path: at.path, size, token }, { manifest, add }, signal);
    if (outcome.type === "complete") {
      if (manifest.complete && manifest.blobId() === outcome.blob) return;
      throw new CoveyError("integrity", "the blocks do not make the file that the other device named");
    }
    // A reader that takes its time lets the stream be cut meanwhile.
    if (outcome.type === "peer" || manifest.knownBytes === before) throw told(outcome.error, at);
  }
}
