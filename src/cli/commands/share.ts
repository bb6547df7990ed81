// `share`: keeps a file or a directory available for one peer, until it is removed or its time is over.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Define } from "../command.ts";
import { parseDuration, parsePath, parsePeerArgument, parseRemotePath } from "../grammar.ts";
import { examples } from "../help.ts";
import { listShares, untilText } from "../shares.ts";

interface ShareOptions {
  readonly for?: number;
  readonly as?: string;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["share dist/ laptop:", "laptop can look into it and fetch from it, as it is then"],
    ["share dist/ laptop: --for 7d", "for a week"],
    ["share report.pdf laptop: --as latest", "under another name"],
    ["share ls", "what is shared here, with whom"],
    ["share rm laptop:dist", "no longer"],
  );
  command
    .argument("<path>", "a file or a directory (./ls for one that is called like a command)")
    .argument("<name:>", "the peer")
    .option("--for <duration>", "how long: 90m, 7d (default: until it is removed)", parseDuration)
    .option("--as <name>", "what it is called for the peer (default: its own name)")
    .action(
      act(async ({ out, signal, covey }, path: string, name: string, options: ShareOptions) => {
        const [what, peerName] = [parsePath(path), parsePeerArgument(name)];
        const share = await (await covey()).peer(peerName).share(what, {
          ...(options.as === undefined ? {} : { name: options.as }),
          ...(options.for === undefined ? {} : { forMs: options.for }),
          signal,
        });
        const place = `${printable(share.peerName)}:${printable(share.name)}`;
        const until = share.untilMs === undefined ? "" : ` until ${untilText(share.untilMs)}`;
        out.say(share, `Shared with ${printable(share.peerName)} as ${printable(share.name)}${until}.`);
        out.note(`\`covey share rm ${place}\` ends it.`);
      }),
    );

  command
    .command("ls")
    .summary("what is shared here, with whom and how long")
    .action(act(async (context) => listShares(context, await context.covey())));

  command
    .command("rm")
    .summary("share something no longer; what is being fetched from it is cut")
    .argument("<name:share>", "the peer, and the name of the share")
    .action(
      act(async ({ out, signal, covey }, place: string) => {
        const { name, path } = parseRemotePath(place);
        if (path.includes("/"))
          throw new CoveyError("bad-argument", `${JSON.stringify(path)} is inside a share`, {
            hint: "Only a whole share can be removed: `covey share ls` lists them.",
          });
        await (await covey()).peer(name).unshare(path, { signal });
        out.say(null, `${printable(path)} is shared with ${printable(name)} no longer.`);
      }),
    );
};
