// The import table of ARCHITECTURE.md as data. The page is the rule: nothing is said here a second time.

/** What the files of one place may import. Places are folders below src/ ("services/*": each folder there), or single files. */
interface Row {
  readonly place: string;
  readonly imports: readonly string[];
  readonly typesOnly: readonly string[];
}

/** Where a module from outside may be imported; undefined: everywhere. */
interface ModuleRow {
  readonly module: string;
  readonly places: readonly string[] | undefined;
}

export interface ImportTable {
  readonly rows: readonly Row[];
  readonly modules: readonly ModuleRow[];
}

export function readTable(page: string): ImportTable {
  const rows = cellsBelow(page, "| place |").map(([place = "", imports = "", typesOnly = ""]) => ({
    place: codes(place)[0] ?? "",
    imports: codes(imports),
    typesOnly: codes(typesOnly),
  }));
  const modules = cellsBelow(page, "| module |").flatMap(([names = "", places = ""]) =>
    codes(names).map((module) => ({ module, places: places.trim() === "everywhere" ? undefined : codes(places) })),
  );
  return { rows, modules };
}

/** The rows of the one table whose head begins so. */
function cellsBelow(page: string, head: string): readonly (readonly string[])[] {
  const lines = page.split("\n");
  const at = lines.findIndex((line) => line.startsWith(head));
  if (at < 0) throw new Error(`ARCHITECTURE.md has no table that begins with "${head}"`);
  const end = lines.findIndex((line, index) => index > at && !line.startsWith("|"));
  return lines.slice(at + 2, end < 0 ? undefined : end).map((line) => line.split("|").slice(1, -1));
}

const codes = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
