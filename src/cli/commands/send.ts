// `send`: offers a file and follows it until it is verified and durable over there.

import { printable } from "../../core/text.ts";
import type { NamedTransfer } from "../../control/covey.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { formatDuration, formatSize } from "../format.ts";
import { parsePath, parsePeerArgument } from "../grammar.ts";
import { examples } from "../help.ts";
import { createView, failureOf, followTransfer, nameAndSize } from "../transfer.ts";

interface SendOptions {
  readonly wait: boolean;
}

// Somebody who sits there with `covey receive`, or a device of one's own, agrees at once: then there is nothing to tell.
const PATIENCE_MS = 800;

export const define: Define = (command, act) => {
  examples(
    command,
    ["send photo.jpg laptop:", "offer it, and wait until it is there, whole"],
    ["send photo.jpg laptop: --no-wait", "offer it; the daemon does the rest"],
    ["receive", "what to run over there"],
  );
  command
    .argument("<file>", "one file")
    .argument("<name:>", "the peer")
    .option("--no-wait", "return once the offer is made")
    .action(
      act((context, file: string, name: string, options: SendOptions) =>
        send(context, file, parsePeerArgument(name), options.wait),
      ),
    );
};

async function send({ out, signal, covey }: Context, file: string, name: string, wait: boolean): Promise<void> {
  const startedMs = performance.now();
  await using job = await (await covey()).peer(name).send(parsePath(file), { signal });
  const { offer } = job;
  const peer = printable(offer.peerName);
  if (!wait) return out.result(offer, `Offered to ${peer} as #${offer.number}: ${nameAndSize(offer)}`);

  const view = await createView(out);
  let last: NamedTransfer | undefined;
  const tell = setTimeout(() => {
    if (last?.offer.state !== "waiting" || out.quiet || out.json) return;
    view.print(last.connected ? `${peer} has not agreed yet.` : `${peer} is not connected; the offer reaches it when it is.`);
    view.print("Over there, run: covey receive. (A device paired with --mine takes files without asking.)");
  }, PATIENCE_MS);
  try {
    const done = await followTransfer(job.progress({ signal }), view, out, (state) => (last = state));
    const failure = failureOf(done);
    if (failure !== undefined) throw failure;
    if (!out.json) {
      const hash = done.blake3 === undefined ? "" : `\nBLAKE3 ${done.blake3}`;
      out.result(
        done,
        `Sent ${printable(offer.name)} to ${peer}: ${formatSize(offer.size)} in ${formatDuration(performance.now() - startedMs)}, verified there${hash}`,
      );
    }
  } catch (error) {
    view.close();
    if (signal.aborted) {
      out.note(
        `\nThe offer stays, and the daemon goes on with it: \`covey transfers\` shows it, \`covey cancel ${offer.number}\` takes it back.`,
      );
    }
    throw error;
  } finally {
    clearTimeout(tell);
    view.close();
  }
}
