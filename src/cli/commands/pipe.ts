// `pipe`: stdin and stdout as one end of a TCP connection. No daemon: the other end is any program.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Address } from "../../core/ids.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { parsePort, parseUrl } from "../grammar.ts";
import { examples } from "../help.ts";
import { jsonLine } from "../json.ts";
import type { Output } from "../output.ts";
import { pump } from "../pump.ts";

interface PipeOptions {
  readonly listen?: string;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["pipe tcp://192.0.2.7:5000", "what you type goes there"],
    ["pipe --listen :5000", "wait for one that connects"],
    ["pipe tcp://desk:5000 < in > out", "bytes as they are, to the end of both"],
    ["pipe --listen :0 | tar x", "any free port; stderr says which"],
  );
  command
    .argument("[tcp-url]", "tcp://HOST:PORT of a program that listens")
    .option("--listen <address>", "wait at tcp://HOST:PORT, :PORT on every interface, or PORT on this machine alone")
    .action(
      act(async (context, url: string | undefined, { listen }: PipeOptions) => {
        if ((url === undefined) === (listen === undefined))
          throw new CoveyError("bad-argument", "one of a tcp:// URL and --listen is needed", {
            hint: "`covey pipe --help` shows both.",
          });
        if (url !== undefined) await dial(context, parseUrl(url, "tcp"));
        else await takeOne(context, parsePort(listen!));
      }),
    );
};

async function dial({ out, signal }: Context, url: string): Promise<void> {
  const { plain } = await import("../../plain/plain.ts");
  await using stream = await plain.connect(url, { signal });
  await pump(stream, out, signal);
}

async function takeOne({ out, signal }: Context, address: Address): Promise<void> {
  const { plain } = await import("../../plain/plain.ts");
  await using listener = await plain.listen(address);
  tell(
    out,
    { type: "listening", address: listener.address },
    `Listening at ${listener.address}, for one connection (Ctrl-C ends this) …`,
  );
  await using stream = await listener.accept({ signal });
  tell(out, { type: "connected", from: stream.remote }, `${stream.remote} is connected.`);
  await pump(stream, out, signal);
}

/** On stderr: stdout is the other end's. */
function tell(out: Output, value: unknown, text: string): void {
  if (out.json) process.stderr.write(jsonLine(value));
  else out.note(printable(text));
}
