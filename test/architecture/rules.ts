// The rules that sources are held to, over a map of files, so that a test can show each one fail. In order: 1. each file by itself,
// 2. each import against the table, 3. the graph of all imports.

import { posix } from "node:path";

import { referencesOf } from "./references.ts";
import type { ImportTable } from "./table.ts";

const MAX_LINES = 400;
/** The public lists of names: the only files that may pass on what others export. */
const PUBLIC = ["index.ts", "testing/index.ts"];

/** Tests stand beside what they test and may import whatever they need; so may what they start or share. */
const isTest = (file: string): boolean => /(?:\.test|\.child|\/test-kit)\.ts$/.test(file);

/** Paths below src/, without it, and their text. */
export type Sources = ReadonlyMap<string, string>;

/** One line for each thing that is wrong. */
export function violations(sources: Sources, table: ImportTable): readonly string[] {
  const found: string[] = [];
  const graph = new Map<string, readonly string[]>();
  for (const [file, text] of sources) {
    const lines = text.trimEnd().split("\n").length;
    if (lines > MAX_LINES) found.push(`${file}: ${lines} lines, more than ${MAX_LINES}: it does two things`);

    const { references, passesOn, defaultExport } = referencesOf(file, text);
    if (defaultExport) found.push(`${file}: a default export`);
    if (passesOn && !PUBLIC.includes(file)) found.push(`${file}: passes on what another file exports`);
    if (posix.basename(file) === "index.ts" && !PUBLIC.includes(file)) found.push(`${file}: an index of a folder`);

    const targets: string[] = [];
    for (const { to, typeOnly } of references) {
      if (to === undefined) {
        found.push(`${file}: a computed import`);
      } else if (to.startsWith(".")) {
        const target = resolve(file, to);
        targets.push(target);
        if (!isTest(file)) found.push(...judge(file, target, typeOnly, sources, table));
      } else if (!isTest(file) && !isModuleAllowed(file, to, table)) {
        found.push(`${file}: may not import ${to}`);
      }
    }
    graph.set(file, targets);
  }
  return [...new Set(found), ...cycles(graph)];
}

/** "./worker.ts" or "../package.json"; also "./worker." and "./worker" of a template whose expression gives the rest. */
function resolve(file: string, to: string): string {
  const path = posix.normalize(posix.join(posix.dirname(file), to));
  return /\.(ts|json)$/.test(path) ? path : `${path.replace(/\.$/, "")}.ts`;
}

function judge(file: string, target: string, typeOnly: boolean, sources: Sources, table: ImportTable): readonly string[] {
  if (target.endsWith(".ts") && !sources.has(target)) return [`${file}: imports ${target}, which is not among the sources`];
  if (isTest(target)) return [`${file}: imports ${target}, which is for tests`];
  const row = table.rows.find(({ place }) => isIn(file, place));
  if (row === undefined) return [`${file}: its folder is not in the table`];
  const allowed = typeOnly ? [...row.imports, ...row.typesOnly] : row.imports;
  if (home(file) === home(target) || allowed.some((place) => isIn(target, place))) return [];
  return [`${file}: may not import ${typeOnly ? "types of " : ""}${target}`];
}

function isModuleAllowed(file: string, module: string, { modules }: ImportTable): boolean {
  const row = modules.find((one) => one.module === module);
  return row !== undefined && (row.places?.some((place) => isIn(file, place)) ?? true);
}

/** The folder that imports freely within itself: each service is one of its own. */
const home = (file: string): string =>
  file
    .split("/")
    .slice(0, file.startsWith("services/") ? 2 : 1)
    .join("/");

function isIn(file: string, place: string): boolean {
  if (/\.(ts|json)$/.test(place)) return place.startsWith("services/*/") ? file.endsWith(place.slice(10)) : file === place;
  return `${file}/`.startsWith(`${place.replace("/*", "")}/`);
}

/** Every cycle once, from its first file in the order of the alphabet. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) {
      const cycle = trail.slice(at);
      const first = cycle.indexOf(cycle.toSorted()[0]!);
      found.add(["cycle:", ...cycle.slice(first), ...cycle.slice(0, first + 1)].join(" "));
    } else if (!done.has(file)) {
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    }
  };
  for (const file of graph.keys()) visit(file, []);
  return [...found];
}
