// Files for whoever asks: `node examples/tutorials/serve-files.ts serve DIRECTORY`; over there `… ls NAME`, `… get NAME FILE [INTO]`.
//
// With sockets: parse `GET /name`, guard against `../../etc/passwd`, open, send the length, then the bytes; the client counts them, and
//   begins at 0 when it was cut. Whoever finds the port gets everything.
// With covey: `share` says which peers may have a directory, `list` and `get` are theirs; there is nothing to parse.
// Gained: only those it is for can tell that it exists; every block is verified; a fetch that was cut goes on from where it was;
//   nothing outside the directory can be reached, also by links; the daemon serves on when this program has ended.

import { resolve } from "node:path";

import { connect, type Covey, type PeerHandle, printable } from "../../src/index.ts";

const SHARE = "public";

/** For every peer that is paired now, until it is unshared. */
export async function serve(me: Covey, directory: string): Promise<void> {
  for (const { name } of await me.peers()) await me.peer(name).share(resolve(directory), { name: SHARE });
}

/** Files and their sizes, as they are now. */
export async function list(peer: PeerHandle, show: (line: string) => void): Promise<void> {
  for await (const entry of peer.list(SHARE, { deep: true }))
    if (entry.kind === "file") show(`${printable(entry.path.slice(SHARE.length + 1))}: ${entry.size} bytes`);
}

/** One file, or a directory with all that is in it; resolves to where it is. */
export async function get(peer: PeerHandle, file: string, into: string): Promise<string | undefined> {
  await using job = await peer.get(`${SHARE}/${file}`, { into: resolve(into) });
  return (await job.done).path;
}

if (import.meta.main) {
  const [command, what = "", file = "", into] = process.argv.slice(2);
  await using me = await connect();
  const peer = me.peer(what);
  if (command === "serve") await serve(me, what);
  if (command === "ls") await list(peer, console.log);
  if (command === "get" && into !== undefined) console.log(printable((await get(peer, file, into)) ?? ""));
  if (command === "get" && into === undefined)
    for await (const bytes of peer.read(`${SHARE}/${file}`)) process.stdout.write(bytes);
}
