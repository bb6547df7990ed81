// Who answers what.

import { CoveyError } from "../core/errors.ts";
import type { Handler, Routes } from "./contract.ts";

export interface RouteTable extends Routes {
  /** The handler. Throws what the asking side is to hear: `not-paired`, or `version` for a route that is not known here. */
  find(route: string, paired: boolean): Handler;
}

export function createRoutes(): RouteTable {
  const routes = new Map<string, { readonly handler: Handler; readonly strangers: boolean }>();
  return {
    handle(route, handler, { strangers = false } = {}) {
      if (routes.has(route)) throw new CoveyError("internal", `the route ${route} is registered twice`);
      routes.set(route, { handler, strangers });
    },
    find(route, paired) {
      const found = routes.get(route);
      // A stranger learns nothing of which routes there are.
      if (!paired && found?.strangers !== true) {
        throw new CoveyError("not-paired", "the other device does not know this one", { hint: "Pair the two devices." });
      }
      if (found !== undefined) return found.handler;
      throw new CoveyError("version", `the other device does not know the request ${route}`, {
        hint: "Update covey on the other device.",
      });
    },
  };
}
