// Shares in tables: what is available here, and what others keep available.

import { printable } from "../core/text.ts";
import type { Covey, NamedShare } from "../control/covey.ts";
import type { Context } from "./context.ts";
import { formatTime } from "./format.ts";
import type { Output } from "./output.ts";
import { renderTable } from "./table.ts";

/** What `share ls` and `ls` show. */
export async function listShares({ out, signal }: Context, covey: Covey): Promise<void> {
  const shares = await covey.shares({ signal });
  if (shares.length === 0) out.note("Nothing is shared here: `covey share DIR NAME:` does.");
  out.result(shares, await renderShares(shares, out));
}

const renderShares = (shares: readonly NamedShare[], out: Output): Promise<string> =>
  renderTable(
    [{ title: "SHARE" }, { title: "UNTIL" }, { title: "PATH" }],
    shares.map(({ peerName, name, untilMs, path }) => [
      `${printable(peerName)}:${printable(name)}`,
      untilText(untilMs),
      printable(path),
    ]),
    out.columns,
    (titles) => out.style("dim", titles),
  );

/** "2026-11-27 12:05"; a share without an end of its own ends when it is removed. */
export const untilText = (untilMs: number | undefined): string => (untilMs === undefined ? "no end" : formatTime(untilMs));
