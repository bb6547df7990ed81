// A disk of a test's own that can be full: a tmpfs in a mount namespace, which ends with the process that it was made for.

import { execFileSync } from "node:child_process";

/** Why there can be none here; false when there can. For `skip`. */
export const noSmallDisk: string | false = whyNone();

function whyNone(): string | false {
  try {
    execFileSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no tmpfs of one's own here: ${(error as Error).message.split("\n")[0]}`;
  }
}
