// Data as people see it.

import { printable, printableLines } from "../core/text.ts";
import type { DataConflict, DataEvent, DataItem, Json } from "../services/data/contract.ts";
import { formatTime, shortId } from "./format.ts";
import { jsonLine } from "./json.ts";
import type { Output } from "./output.ts";
import { renderTable } from "./table.ts";

/** Text as it is, everything else as JSON. */
export const renderValue = (value: Json): string => (typeof value === "string" ? printableLines(value) : inline(value));

/** On one line. */
const inline = (value: Json): string => (typeof value === "string" ? printable(value) : jsonLine(value).trimEnd());

export const renderItems = (items: readonly DataItem[], out: Output): Promise<string> =>
  renderTable(
    [{ title: "KEY" }, { title: "VALUE" }],
    items.map(({ key, value, conflicts }) => [printable(key) + (conflicts > 0 ? " (!)" : ""), inline(value)]),
    out.columns,
    (titles) => out.style("dim", titles),
  );

export function renderEvent(event: DataEvent, out: Output): string {
  if (event.type === "set") return `${printable(event.item.key)} = ${inline(event.item.value)}`;
  if (event.type === "remove") return `${printable(event.key)} ${out.style("dim", "was removed")}`;
  return out.style("dim", "(everything is told again)");
}

export const renderConflicts = (conflicts: readonly DataConflict[], out: Output): string =>
  conflicts
    .map(({ key, winner, losers }) =>
      [
        out.style("bold", printable(key)),
        `  won   ${renderVersion(winner, out)}`,
        ...losers.map((loser) => `  lost  ${renderVersion(loser, out)}`),
      ].join("\n"),
    )
    .join("\n");

const renderVersion = (version: DataConflict["winner"], out: Output): string =>
  `${"value" in version ? inline(version.value) : "removed"} ${out.style("dim", `(${shortId(version.author)}, ${formatTime(version.setAtMs)})`)}`;
