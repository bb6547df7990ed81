// `get`: fetches a file or a directory that a peer shares, or a file of an HTTP server; to stdout, one file as it comes.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Covey, PeerHandle } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { followTransfer } from "../follow.ts";
import { isUrl, parseRemotePath, parseUrl, type RemotePath } from "../grammar.ts";
import { examples } from "../help.ts";
import { conflictOption, parseTarget, type ConflictOption } from "../placement.ts";
import { write } from "../stdout.ts";
import { createView, tellArrived, whatArrived } from "../transfer.ts";

interface GetOptions extends ConflictOption {
  readonly output: string;
}

const STDOUT = "-";

export const define: Define = (command, act) => {
  examples(
    command,
    ["get laptop:dist/app.tar", "fetch a file into this directory"],
    ["get laptop:dist/ -o here/", "a directory, into another one, which is made"],
    ["get laptop:dist/app.tar -o new.tar", "under another name"],
    ["get laptop:dist/app.tar -o - | tar x", "a file to stdout"],
    ["get http://192.0.2.7:8000/app.tar", "a file of an HTTP server"],
    ["ls laptop:dist", "what there is to fetch"],
  );
  command
    .argument("<name:path>", "a file or a directory in what the peer shares; or an http:// URL")
    .option("-o, --output <where>", "a new name; a directory, or DIR/ to make one; - for stdout", ".")
    .addOption(conflictOption())
    .action(
      act(async (context, place: string, options: GetOptions) => {
        if (isUrl(place)) return fromUrl(context, parseUrl(place, "http"), options);
        const remote = parseRemotePath(place);
        if (options.output !== STDOUT) return toFiles(context, await context.covey(), remote, options);
        checkStdout(context);
        return toOutput(context, (await context.covey()).peer(remote.name), remote.path);
      }),
    );
};

/** What comes from elsewhere could do anything to a terminal; and JSON and a file can't share one output. */
function checkStdout({ options }: Context): void {
  if (options.json === true) throw wrong("--json and -o - both want stdout", "Write the file somewhere: -o FILE.");
  if (process.stdout.isTTY && options.yes !== true)
    throw wrong("stdout is a terminal, which may obey what is in the file", "Send it through a pipe, or add --yes.");
}

/** Without the daemon. */
async function fromUrl(context: Context, url: string, { output, conflict }: GetOptions): Promise<void> {
  if (output === STDOUT) checkStdout(context);
  const { download, readToStdout } = await import("../download.ts");
  if (output === STDOUT) await readToStdout(context, url);
  else await download(context, url, { ...(await parseTarget(output)), conflict });
}

/** Each block is verified before it goes out; a file that is not whole ends in an error. */
async function toOutput({ signal }: Context, peer: PeerHandle, path: string): Promise<void> {
  for await (const bytes of peer.read(path, { signal })) await write(bytes, signal);
}

async function toFiles(
  context: Context,
  covey: Covey,
  { name, path }: RemotePath,
  { output, conflict }: GetOptions,
): Promise<number> {
  const { out, signal } = context;
  const view = await createView(out);
  try {
    await using job = await covey.peer(name).get(path, { ...(await parseTarget(output)), conflict, signal });
    const { done, tookMs } = await followTransfer({ context, covey, view, again: "The same command" }, job.progress({ signal }));
    return tellArrived(done, whatArrived(done, "Got", ` from ${printable(done.peerName)}: `, tookMs), out);
  } finally {
    view.close();
  }
}

const wrong = (message: string, hint: string): CoveyError => new CoveyError("bad-argument", message, { hint });
