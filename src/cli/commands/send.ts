// `send`: offers files and directories, or what comes from stdin, and follows them until they are verified and durable over there.

import { existsSync } from "node:fs";

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Covey, NamedTransfer, TransferJob } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { followTransfer } from "../follow.ts";
import { parsePath, parsePeerArgument } from "../grammar.ts";
import { examples } from "../help.ts";
import { renderNotes } from "../notes.ts";
import { describeOffer, offerName, offerSize } from "../offer.ts";
import { createView, inTime, tellArrived } from "../transfer.ts";

interface SendOptions {
  readonly wait: boolean;
  readonly name?: string;
}

const STDIN = "-";
// Somebody who sits there with `covey receive`, or a device of one's own, agrees at once: then there is nothing to tell.
const PATIENCE_MS = 800;
const SILENT_MS = 500;

export const define: Define = (command, act) => {
  examples(
    command,
    ["send photo.jpg laptop:", "offer it, and wait until it is there, whole"],
    ["send photos/ report.pdf laptop:", "several things, and whole directories"],
    ["send photos/ laptop: --no-wait", "offer it; the daemon does the rest"],
    ["send - laptop: --name log.txt", "what comes from stdin"],
    ["receive", "what to run over there"],
  );
  command
    .usage("[options] <file...> <name:>")
    .argument("<file...>", "files and directories, or - for stdin; and last the peer")
    .option("--no-wait", "return once the offer is made")
    .option("--name <name>", "what to call that which comes from stdin")
    .action(
      act(async (context, words: readonly string[], options: SendOptions) => {
        const { files, peer } = parseWhatAndWhere(words, options.name);
        const fromStdin = files[0] === STDIN;
        return follow(context, { ...options, again: fromStdin ? undefined : "The same command" }, (covey) =>
          fromStdin ? offerStdin(context, covey, peer, options.name!) : offerFiles(context, covey, peer, files),
        );
      }),
    );
};

interface WhatAndWhere {
  readonly files: readonly string[];
  readonly peer: string;
}

function parseWhatAndWhere(words: readonly string[], name: string | undefined): WhatAndWhere {
  const files = words.slice(0, -1);
  const [only = "FILE"] = words;
  if (files.length === 0 && only.endsWith(":"))
    throw wrong("it is not said what to send", `The peer comes last: \`covey send FILE… ${printable(only)}\`.`);
  if (files.length === 0)
    throw wrong("it is not said where to send it", `The peer comes last: \`covey send ${printable(only)} NAME:\`.`);
  const peer = parsePeerArgument(words.at(-1)!);
  const stdin = files.includes(STDIN);
  if (stdin && files.length > 1) throw wrong("what comes from stdin is sent by itself", "`./-` is a file of that name.");
  if (stdin && name === undefined) throw wrong("what comes from stdin has no name", "Add one: --name log.txt");
  if (!stdin && name !== undefined)
    throw wrong("--name is for what comes from stdin (-)", "Files and directories are sent under their own names.");
  return { files, peer };
}

async function offerFiles({ out, signal }: Context, covey: Covey, peer: string, files: readonly string[]): Promise<TransferJob> {
  // What was named twice is sent once.
  const paths = [...new Set(files.map(parsePath))];
  try {
    return await tellingWhy("Counting what there is …", out, covey.peer(peer).send(paths, { signal }));
  } catch (error) {
    const isPeer = !existsSync(peer) || (await covey.peers({ signal })).some(({ name }) => name === peer);
    if (isPeer) throw error;
    throw wrong(
      `no peer is called ${JSON.stringify(peer)}; that is a file or a directory here`,
      "The peer comes last: `covey send FILE… NAME:`.",
    );
  }
}

/** All of it is kept by the daemon first: the peer may be away, and stdin comes only once. */
const offerStdin = ({ out, signal }: Context, covey: Covey, peer: string, name: string): Promise<TransferJob> =>
  tellingWhy("Reading stdin to its end; then it is offered …", out, covey.peer(peer).sendBytes(process.stdin, { name, signal }));

/** Nobody waits long without knowing what for. */
async function tellingWhy<T>(why: string, out: Context["out"], result: Promise<T>): Promise<T> {
  const silent = setTimeout(() => out.note(why), SILENT_MS);
  try {
    return await result;
  } finally {
    clearTimeout(silent);
  }
}

async function follow(
  context: Context,
  { wait, again }: SendOptions & { readonly again: string | undefined },
  offerAt: (covey: Covey) => Promise<TransferJob>,
): Promise<number | void> {
  const { out } = context;
  const covey = await context.covey();
  await using job = await offerAt(covey);
  const { offer } = job;
  const peer = printable(offer.peerName);
  if (!wait) return out.say(offer, `Offered to ${peer} as #${offer.number}: ${describeOffer(offer)}`);

  const view = await createView(out);
  let last: NamedTransfer | undefined;
  const tell = setTimeout(() => {
    if (last?.offer.state !== "waiting") return;
    const why = last.connected ? `${peer} has not agreed yet.` : `${peer} is not connected; the offer reaches it when it is.`;
    view.above(() =>
      out.note(`${why}\nOver there, run: covey receive (a device paired with --mine takes files without asking).`),
    );
  }, PATIENCE_MS);
  try {
    const states = job.progress({ signal: context.signal });
    const { done, tookMs } = await followTransfer({ context, covey, view, again }, states, (transfer, first) => {
      last = transfer;
      if (first) view.above(() => tellOffered(context, transfer));
    });
    const hash = done.blake3 === undefined ? "" : `\nBLAKE3 ${done.blake3}`;
    const sentence = `Sent ${offerName(done.offer)} to ${peer}: ${offerSize(done.offer)}${inTime(tookMs)}, verified there${hash}`;
    return tellArrived(done, sentence, out);
  } finally {
    clearTimeout(tell);
    view.close();
  }
}

/** What the other side is asked to agree to, and what of it can't come along. */
function tellOffered({ out }: Context, { offer, notes, peerName }: NamedTransfer): void {
  if (offer.kind === "tree") out.note(`#${offer.number} to ${printable(peerName)}: ${describeOffer(offer)}`);
  if (notes.count > 0) out.note(renderNotes({ notes, offer }));
}

const wrong = (message: string, hint: string): CoveyError => new CoveyError("bad-argument", message, { hint });
