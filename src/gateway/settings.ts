// What somebody wants to be served, checked before anything listens.

import { stat } from "node:fs/promises";
import { isAbsolute } from "node:path";

import { assertOutsideHomes } from "../blob/tree/covey-home.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import { parseTcpAddress } from "../transport/address.ts";
import type { ServeSettings } from "./contract.ts";

/** Throws `conflict` (what goes not together), `bad-argument`, `limit`. */
export function checkSettings(settings: ServeSettings): void {
  for (const [wrong, code, message, hint] of rules(settings)) if (wrong) throw new CoveyError(code, message, { hint });
  if (settings.listen !== undefined) parseTcpAddress(settings.listen);
}

/** Each time it begins to be served: it may be anything else by then. Rejects with `not-found`, `bad-argument`. */
export async function checkDirectory(directory: string): Promise<void> {
  const shown = printable(directory);
  const found = await stat(directory).catch((error: unknown) => {
    throw fromPlatform(error, `serve ${shown}`);
  });
  if (!found.isDirectory())
    throw new CoveyError("bad-argument", `${shown} is not a directory`, {
      hint: "Name the directory that it is in: all of that is served. Or put it into one of its own.",
    });
  await assertOutsideHomes(directory);
}

type Rule = readonly [wrong: boolean, code: "conflict" | "bad-argument" | "limit", message: string, hint: string];

function rules({
  directory,
  upload,
  list,
  greeting,
  close,
  reply,
  listen,
  lan,
  token,
  perAddress,
}: ServeSettings): readonly Rule[] {
  const files = directory !== undefined || upload;
  const bytes = Math.max(Buffer.byteLength(greeting ?? ""), Buffer.byteLength(reply));
  return [
    [
      directory !== undefined && !isAbsolute(directory),
      "bad-argument",
      "the path of the directory is not absolute",
      "path.resolve() makes it so.",
    ],
    [
      greeting !== undefined && files,
      "conflict",
      "a greeting and files don't go together: a browser would take the greeting for the answer to its request",
      "Serve them on two ports, with two servings.",
    ],
    [
      upload && directory === undefined,
      "bad-argument",
      "files can only be left where files are served",
      "Serve a directory as well; it may be an empty one.",
    ],
    [
      close && greeting === undefined,
      "bad-argument",
      "there is nothing to say before the connection is closed",
      "Give a greeting.",
    ],
    [
      close && (list !== undefined || token),
      "conflict",
      "who is greeted and sent away can ask for nothing: neither a list nor a token goes with it",
      "Leave `close` away, or the list and the token.",
    ],
    [
      listen !== undefined && lan,
      "conflict",
      "`lan` says where to listen, and so does the address",
      "Give one of them: `lan` is every interface, at port 8000 or any.",
    ],
    [greeting === "", "bad-argument", "nobody can see an empty greeting", "Give at least one character, or no greeting."],
    [
      bytes > LIMITS.textMessageBytes,
      "limit",
      `the greeting or the answer has ${bytes} bytes; ${LIMITS.textMessageBytes} are allowed`,
      "Serve it as a file.",
    ],
    [
      perAddress > LIMITS.gatewayConnections,
      "bad-argument",
      `${perAddress} connections from one address are more than the ${LIMITS.gatewayConnections} that there are in all`,
      `Choose at most ${LIMITS.gatewayConnections}.`,
    ],
  ];
}
