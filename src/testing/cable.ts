// A way between peers that a test can cut, as when a cable is pulled and the system says so.

import type { Duplex } from "node:stream";

import { CoveyError } from "../core/errors.ts";
import type { Connection, Transport } from "../transport/transport.ts";

export interface Cable extends Transport {
  /** Every connection ends at once, and none can be made until `mend`. */
  cut(): void;
  mend(): void;
}

export function createCable(transport: Transport): Cable {
  const open = new Set<Duplex>();
  let whole = true;
  const keep = (connection: Connection): Connection => {
    const { duplex } = connection;
    if (!whole) duplex.destroy();
    open.add(duplex);
    duplex.once("close", () => void open.delete(duplex));
    return connection;
  };
  return {
    scheme: transport.scheme,
    async dial(address, signal) {
      if (!whole) throw new CoveyError("unreachable", `${address}: the cable is cut`);
      return keep(await transport.dial(address, signal));
    },
    listen: (address, onConnection) => transport.listen(address, (connection) => onConnection(keep(connection))),
    cut() {
      whole = false;
      for (const duplex of open) duplex.destroy();
    },
    mend() {
      whole = true;
    },
  };
}
