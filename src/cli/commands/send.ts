// `send`: offers files and directories, or what comes from stdin, and follows them until they are verified and durable over there.

import { existsSync } from "node:fs";

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Covey, NamedTransfer, TransferJob } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { followTransfer } from "../follow.ts";
import { formatDuration } from "../format.ts";
import { parsePath, parsePeerArgument } from "../grammar.ts";
import { examples } from "../help.ts";
import { renderNotes } from "../notes.ts";
import { describeOffer, offerName, offerSize } from "../offer.ts";
import { createView, tellArrived } from "../transfer.ts";

interface SendOptions {
  readonly wait: boolean;
  readonly name?: string;
}

const STDIN = "-";
// Somebody who sits there with `covey receive`, or a device of one's own, agrees at once: then there is nothing to tell.
const PATIENCE_MS = 800;
const COUNTING_MS = 500;

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
        return follow(context, options, (covey) =>
          files[0] === STDIN ? offerStdin(context, covey, peer, options.name!) : offerFiles(context, covey, peer, files),
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
  if (files.length === 0)
    throw wrong("it is not said where to send it", `The peer comes last: \`covey send ${printable(words[0] ?? "FILE")} NAME:\`.`);
  const peer = parsePeerArgument(words.at(-1)!);
  const stdin = files.includes(STDIN);
  if (stdin && files.length > 1) throw wrong("what comes from stdin is sent by itself", "`./-` is a file of that name.");
  if (stdin && name === undefined) throw wrong("what comes from stdin has no name", "Add one: --name log.txt");
  if (!stdin && name !== undefined)
    throw wrong("--name is for what comes from stdin (-)", "Files and directories are sent under their own names.");
  return { files, peer };
}

async function offerFiles({ out, signal }: Context, covey: Covey, peer: string, files: readonly string[]): Promise<TransferJob> {
  const counting = setTimeout(() => out.note("Counting what there is …"), COUNTING_MS);
  try {
    return await covey.peer(peer).send(files.map(parsePath), { signal });
  } catch (error) {
    const isPeer = !existsSync(peer) || (await covey.peers({ signal })).some(({ name }) => name === peer);
    if (isPeer) throw error;
    throw wrong(`no peer is called ${JSON.stringify(peer)}; it is a file`, "The peer comes last: `covey send FILE… NAME:`.");
  } finally {
    clearTimeout(counting);
  }
}

/** All of it is kept by the daemon first: the peer may be away, and stdin comes only once. */
async function offerStdin({ signal }: Context, covey: Covey, peer: string, name: string): Promise<TransferJob> {
  return covey.peer(peer).sendBytes(process.stdin, { name, signal });
}

async function follow(
  context: Context,
  { wait }: SendOptions,
  offerAt: (covey: Covey) => Promise<TransferJob>,
): Promise<number | void> {
  const { out } = context;
  const startedMs = performance.now();
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
    const done = await followTransfer({ context, covey, view, again: "The same command" }, states, (transfer, first) => {
      last = transfer;
      if (first) view.above(() => tellOffered(context, transfer));
    });
    const hash = done.blake3 === undefined ? "" : `\nBLAKE3 ${done.blake3}`;
    const time = formatDuration(performance.now() - startedMs);
    const sentence = `Sent ${offerName(done.offer)} to ${peer}: ${offerSize(done.offer)} in ${time}, verified there${hash}`;
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
