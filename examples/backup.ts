// Copies of a directory on another device. Where it is: `node examples/backup.ts offer DIRECTORY NAME`, once. Where the copies are to be,
// whenever you like: `node examples/backup.ts take NAME SHARE INTO [KEEP]`; the last KEEP are kept, 3 by default.
//
// 1. a copy that was begun is gone on with: the daemon does that by itself, and another run finds it
// 2. it appears under its name, SHARE and the time, when it is whole and verified
// 3. only then the oldest ones go

import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { connect, type Covey, CoveyError, type PeerHandle, printable } from "../src/index.ts";

/** Resolves to the name under which `take` finds it. */
export const offer = async (peer: PeerHandle, directory: string): Promise<string> => (await peer.share(resolve(directory))).name;

/** Resolves to the copy's path; `show` is told what could not be copied. */
export async function take(
  me: Covey,
  peer: PeerHandle,
  share: string,
  { into, keep, show }: { readonly into: string; readonly keep: number; readonly show: (line: string) => void },
): Promise<string> {
  await mkdir(into, { recursive: true });
  const { peerId } = await peer.show();
  const begun = (await me.transfers()).find(
    ({ offer: { peer: from, sharePath, state }, path = "" }) =>
      from === peerId && sharePath === share && state === "accepted" && dirname(path) === into,
  );
  const as = begun?.path === undefined ? `${share} ${new Date().toISOString().replaceAll(":", "-")}` : basename(begun.path);
  await using job = await peer.get(share, { into, as });
  const { notes } = await job.done;
  for (const { path, code } of notes.first) show(`not copied: ${printable(path)} (${code})`);

  const copies = (await readdir(into)).filter((name) => name.startsWith(`${share} `) && TIME.test(name.slice(share.length + 1)));
  for (const old of copies.toSorted().slice(0, -keep)) await rm(join(into, old), { recursive: true });
  return join(into, as);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/;

async function main(command?: string, ...args: readonly string[]): Promise<void> {
  await using me = await connect();
  if (command === "offer") {
    const [directory = ".", name = ""] = args;
    console.log(await offer(me.peer(name), directory));
  }
  if (command === "take") {
    const [name = "", share = "", into = ".", keep = "3"] = args;
    console.log(await take(me, me.peer(name), share, { into: resolve(into), keep: Number(keep), show: console.error }));
  }
}

if (import.meta.main) {
  await main(...process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof CoveyError)) throw error;
    console.error(error.message, error.hint ?? "");
    process.exitCode = error.exitCode;
  });
}
