// `serve`: files, a list or a greeting on a TCP port, for programs that do not speak covey. 1. what was asked for is checked, 2. the daemon
// listens, and where is said, 3. each thing that happens is a line, 4. it ends with the command, unless it is kept.

import { CoveyError } from "../../core/errors.ts";
import { printable } from "../../core/text.ts";
import type { Covey, ServeOptions } from "../../control/covey.ts";
import type { Serving, ServingEvent } from "../../gateway/contract.ts";
import type { Define } from "../command.ts";
import type { Context } from "../context.ts";
import { parseCount, parsePath, parsePlace, parsePort, parseServing } from "../grammar.ts";
import { examples } from "../help.ts";
import { jsonLine } from "../json.ts";
import type { Output } from "../output.ts";
import { renderHappened } from "../serving-events.ts";
import { describeServed, isOpen, listServings, pagesOf, peerNames, renderPlaces } from "../serving.ts";
import { Lines } from "../stdout.ts";
import { measurable } from "../width.ts";

interface Options {
  readonly lan?: boolean;
  readonly listen?: string;
  readonly upload?: boolean;
  readonly token?: boolean;
  readonly perAddress?: number;
  readonly keep?: boolean;
  readonly list?: string;
  readonly writable?: boolean;
  readonly greeting?: string;
  readonly close?: boolean;
  readonly reply?: string;
}

export const define: Define = (command, act) => {
  examples(
    command,
    ["serve photos/ --lan", "files, to browsers on this network; a QR for phones"],
    ["serve photos/ --lan --upload --token", "who has the link may leave files, too"],
    ["serve --list todo --writable", "a list, to socket programs"],
    ['serve --greeting "Hello" --close', "told to whoever connects"],
    ["serve photos/ --keep", "until it is removed, not until Ctrl-C"],
    ["serve ls", "what is served, and where"],
  );
  command
    .argument("[dir]", "the directory whose files are served (./ls for one that is called like a command)")
    .optionsGroup("Where, and to whom:")
    .option("--lan", "to this network, not to this machine alone")
    .option("--listen <address>", "at tcp://HOST:PORT, :PORT on every interface, or PORT on this machine alone")
    .option("--token", "only to those who know a secret, which is in the link")
    .option("--per-address <n>", "so many connections at once from one address (default: 16)", parseCount)
    .option("--keep", "until `serve rm`, over restarts; without it until Ctrl-C")
    .optionsGroup("Files:")
    .option("--upload", "files may be left, too: they go into the directory for incoming files")
    .optionsGroup("Text, to socket programs:")
    .option("--list <[name:]key>", "the list of strings at that key: get_data reads it")
    .option("--writable", "update_data,a,b changes the list")
    .option("--greeting <text>", "what each is told when it connects")
    .option("--close", "end the connection after the greeting")
    .option("--reply <text>", 'the answer to any other message; "" for none (default: message_ack)')
    .action(
      act(async (context, directory: string | undefined, options: Options) => {
        const asked = serveOptions(directory, options);
        await serve(context, await context.covey(), asked);
      }),
    );

  // Where they stand, the options of `serve` would be taken and mean nothing.
  command.hook("preSubcommand", (serve, subcommand) => {
    const name = subcommand.name();
    const [given] = Object.keys(serve.opts());
    if (given === undefined) return;
    const option = serve.options.find((one) => one.attributeName() === given)!.long!;
    throw wrong(`${option} says nothing to \`covey serve ${name}\``, `./${name} is a directory that is called like that.`);
  });

  command
    .command("ls")
    .summary("what is served, and where")
    .action(act(async (context) => listServings(context, await context.covey())));

  command
    .command("rm")
    .summary("serve something no longer; who is connected is cut off")
    .argument("<n>", "its number")
    .action(
      act(async ({ out, signal, covey }, n: string) => {
        const serving = parseServing(n);
        await (await covey()).unserve(serving, { signal });
        out.say(null, `#${serving} is served no longer.`);
      }),
    );
};

function serveOptions(
  directory: string | undefined,
  { list, writable = false, listen, ...options }: Options,
): ServeOptions & { readonly keep: boolean } {
  const { greeting, reply } = options;
  if (directory === undefined && list === undefined && greeting === undefined && reply === undefined)
    throw wrong("there is nothing to serve", "Name a directory, or give --list, --greeting or --reply.");
  if (writable && list === undefined) throw wrong("--writable belongs to --list", "Add --list KEY.");
  return {
    keep: false,
    ...options,
    ...(listen === undefined ? {} : { listen: parsePort(listen) }),
    ...(directory === undefined ? {} : { directory: parsePath(directory) }),
    ...(list === undefined ? {} : { list: { ...listAt(list), writable } }),
  };
}

function listAt(text: string): { readonly peer?: string; readonly key: string } {
  const { name, what } = parsePlace(text);
  if (what === "") throw wrong(`${JSON.stringify(text)} names no key`, "NAME:KEY names a key at a peer.");
  return name === undefined || name === "self" ? { key: what } : { peer: name, key: what };
}

async function serve(context: Context, covey: Covey, options: ServeOptions & { readonly keep: boolean }): Promise<void> {
  const { out, signal } = context;
  await using handle = await covey.serve({ ...options, signal });
  const { serving } = handle;
  await tell(context, covey, serving);
  if (options.lan === true) await drawQr(serving, context);
  out.note("");
  if (options.upload === true) out.note(`What is uploaded goes into ${printable((await covey.status({ signal })).incoming)}.`);
  if (options.keep) return out.note(`It is served until \`covey serve rm ${serving.number}\`.`);
  out.note("Ctrl-C ends it.");
  const lines = new Lines(signal);
  try {
    for await (const event of handle.events({ signal })) await show(event, lines, out);
  } catch (error) {
    throw isDown(error) ? new CoveyError(error.code, error.message, { hint: SERVE_AGAIN, cause: error }) : error;
  }
  await lines.end();
  out.note("It was removed.");
}

const SERVE_AGAIN = "It is served no longer: the same command serves it again, and --keep outlives the daemon.";

/** In order, or not. */
const isDown = (error: unknown): error is CoveyError =>
  error instanceof CoveyError && (error.code === "closed" || error.code === "daemon-down");

/** What is served, and where. */
async function tell({ out, signal }: Context, covey: Covey, serving: Serving): Promise<void> {
  const what = describeServed(serving.settings, await peerNames(covey, [serving], signal));
  const places = renderPlaces(serving).map((line) => `  ${line}`);
  out.say({ type: "serving", serving } satisfies ServingEvent, [`Serving ${what}`, ...places].join("\n"));
  if (isOpen(serving) && !serving.settings.token)
    out.warn("whoever reaches this device over the network can use it; --token lets in only those who know a secret");
}

async function drawQr(serving: Serving, { out }: Context): Promise<void> {
  const [url] = pagesOf(serving);
  if (url === undefined) return;
  const { showQr } = await import("../qr.ts");
  showQr(url, out);
}

async function show(event: ServingEvent, lines: Lines, out: Output): Promise<void> {
  if (out.json) return lines.add(jsonLine(event));
  // Only the first one is, which was told.
  if (event.type === "serving") return;
  // Each file that was left has told it.
  if (event.type === "request" && event.method === "POST" && event.status !== undefined && event.status < 400) return;
  if (event.type === "missed") return lines.add(`(${event.count} more, too many to show)\n`);
  await measurable(Object.values(event).filter((part) => typeof part === "string"));
  return lines.add(`${renderHappened(event, out.columns)}\n`);
}

const wrong = (message: string, hint: string): CoveyError => new CoveyError("bad-argument", message, { hint });
