// What guests wrote, as messages of this peer's own space.

import { CoveyError } from "../../core/errors.ts";
import type { SpaceStore } from "../../space/contract.ts";
import type { GuestMessages } from "./contract.ts";

export type GuestStore = Pick<SpaceStore, "author" | "self" | "write" | "get" | "list" | "putLocal" | "getLocal">;

export function createGuestMessages(_: GuestStore): GuestMessages {
  const missing = (): never => {
    throw new CoveyError("internal", "this part is on its way");
  };
  return {
    newGuest: missing,
    hear: missing,
    list: async () => [],
    unread: async () => [],
    countUnread: async () => 0,
    markRead: async () => {},
  };
}
