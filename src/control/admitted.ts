// Which requests are answered at all, and what they ask for: the operation, and its arguments, still unknown.

import type { IncomingMessage } from "node:http";

import { CoveyError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { printable } from "../core/text.ts";
import { VERSION } from "../core/version.ts";
import { kindOf, operationNamed } from "./invoke.ts";
import type { OperationKind, OperationNameOf } from "./operations.ts";
import { PATH_PREFIX, VERSION_HEADER } from "./wire.ts";

/** The operation that is asked for, if it is of such a kind and the request is one of covey's own programs, of this version. */
export function admitted<Kind extends OperationKind>(request: IncomingMessage, kinds: readonly Kind[]): OperationNameOf<Kind> {
  const version = request.headers[VERSION_HEADER];
  if (version === undefined) {
    throw new CoveyError("bad-argument", `the header ${VERSION_HEADER} is missing`, {
      hint: "docs/control.md tells how to call the daemon.",
    });
  }
  if (version !== VERSION) {
    throw new CoveyError("version", `the daemon is covey ${VERSION}, and this is covey ${printable(String(version))}`, {
      hint: "`covey down` and then `covey up` starts the daemon that fits.",
      details: { daemon: VERSION, pid: process.pid },
    });
  }
  if (request.method !== "POST")
    throw new CoveyError("bad-argument", `${request.method} is not understood here; operations are POSTed`);
  const url = request.url ?? "";
  const name = url.startsWith(PATH_PREFIX) ? operationNamed(url.slice(PATH_PREFIX.length)) : undefined;
  if (name === undefined) throw new CoveyError("bad-argument", `there is no operation ${printable(url.slice(0, 100))}`);
  if (!(kinds as readonly OperationKind[]).includes(kindOf(name))) {
    throw new CoveyError(
      "bad-argument",
      `${name} is ${kindOf(name) === "duplex" ? "asked for with" : "asked for without"} an upgrade`,
      {
        hint: "docs/control.md tells how.",
      },
    );
  }
  return name as OperationNameOf<Kind>;
}

/** Throws `limit` when it says that its arguments are too large. */
export function declaredLength(request: IncomingMessage): number {
  const length = Number(request.headers["content-length"] ?? 0);
  if (length > LIMITS.controlBodyBytes) throw tooLarge();
  return length;
}

export async function readArguments(request: IncomingMessage): Promise<unknown> {
  declaredLength(request);
  const parts: Buffer[] = [];
  let size = 0;
  // `on`, not `for await`: leaving a loop would destroy the connection before the refusal is out.
  await new Promise<void>((resolve, reject) => {
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size > LIMITS.controlBodyBytes) return reject(tooLarge());
      parts.push(part);
    });
    request.once("end", resolve);
    request.once("error", reject);
  });
  return parseArguments(Buffer.concat(parts));
}

export function parseArguments(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    throw new CoveyError("bad-argument", "the arguments are not JSON", { cause: error });
  }
}

const tooLarge = (): CoveyError =>
  new CoveyError("limit", `the arguments are larger than ${LIMITS.controlBodyBytes} bytes`, {
    hint: "Hand them over in several calls.",
  });
