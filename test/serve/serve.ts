// A serving of a daemon, on a port of its own.

import type { Covey, ServeOptions } from "../../src/control/covey.ts";

export interface Place extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** "http://HOST:PORT/", with the token if there is one. */
  readonly url: string;
}

export async function serve(covey: Covey, options: ServeOptions): Promise<Place> {
  const handle = await covey.serve({ listen: "tcp://127.0.0.1:0", ...options });
  const { address, urls } = handle.serving;
  const { hostname, port } = new URL(address!);
  return {
    host: hostname,
    port: Number(port),
    url: urls[0] ?? "",
    [Symbol.asyncDispose]: () => handle[Symbol.asyncDispose](),
  };
}
