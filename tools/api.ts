// Writes docs/api.md, the public surface with its types: `node tools/run.mjs api`. A test compares the two, so that a change of the
// surface is seen in a diff.
//
// 1. tsc makes the declarations of the sources     3. what they name without exporting it, and so on
// 2. what an entry point lists is looked up         4. each as it is declared, with its comment

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { parseSync } from "oxc-parser";

const root = join(import.meta.dirname, "..");

const HEAD = `# The names of the library

What [the library](library.md) exports, as its types say it. This page is written from the sources (\`node tools/run.mjs api\`).
`;

const ENTRIES = [
  { title: "`covey`", file: "index.d.ts" },
  { title: "`covey/testing`", file: "testing/index.d.ts" },
];

/** A syntax tree's node, as far as this file looks at it. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** One name in the file that declares it. */
interface Place {
  readonly file: string;
  readonly name: string;
}

interface Declared {
  /** With its comment. */
  readonly text: string;
  /** The types in it. */
  readonly names: readonly string[];
}

interface Module {
  readonly declared: ReadonlyMap<string, Declared>;
  /** By the name here: where it is from. */
  readonly imported: ReadonlyMap<string, Place>;
  /** What it passes on. */
  readonly listed: readonly Place[];
}

/** The whole page. */
export function apiPage(): string {
  const dist = mkdtempSync(join(tmpdir(), "covey-api-"));
  try {
    emitDeclarations(dist);
    return pageOf((file) => readFileSync(join(dist, file), "utf8"));
  } finally {
    rmSync(dist, { recursive: true });
  }
}

/** What the build has as `*.d.ts`; whether the sources are right is for others to check. */
export function emitDeclarations(dist: string): void {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", "tsconfig.build.json", "--emitDeclarationOnly", "--noCheck", "--outDir", dist];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`the sources don't compile\n${stdout}`);
}

function pageOf(read: (file: string) => string): string {
  const modules = new Map<string, Module>();
  const moduleOf = (file: string): Module => {
    const module = modules.get(file) ?? parseModule(file, read(file));
    modules.set(file, module);
    return module;
  };
  const textOf = ({ file, name }: Place): string => moduleOf(file).declared.get(name)!.text;
  const namedBy = ({ file, name }: Place): readonly Place[] => {
    const { declared, imported } = moduleOf(file);
    return declared.get(name)!.names.flatMap((one) => imported.get(one) ?? (declared.has(one) ? { file, name: one } : []));
  };
  const told = new Set<string>();
  const untold = (places: readonly Place[]): readonly Place[] =>
    places.filter(({ file, name }) => told.size < told.add(`${file} ${name}`).size);

  const sections = ENTRIES.map(({ title, file }) => ({ title, places: untold(moduleOf(file).listed) }));
  const behind: Place[] = [];
  let last = untold(sections.flatMap(({ places }) => places).flatMap(namedBy));
  for (; last.length > 0; last = untold(last.flatMap(namedBy))) behind.push(...last);
  return [HEAD, ...[...sections, { title: "Named by these, not exported", places: behind }].map(section)].join("\n");

  function section({ title, places }: { readonly title: string; readonly places: readonly Place[] }): string {
    const sorted = places.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return `## ${title}\n\n\`\`\`ts\n${sorted.map(textOf).join("\n\n")}\n\`\`\`\n`;
  }
}

function parseModule(file: string, text: string): Module {
  const { program, comments, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  const declared = new Map<string, Declared>();
  const imported = new Map<string, Place>();
  const listed: Place[] = [];
  const from = (source: unknown): string =>
    posix.join(posix.dirname(file), (source as { value: string }).value.replace(/\.ts$/, ".d.ts"));

  for (const node of program.body as unknown as readonly Node[]) {
    const specifiers = (node["specifiers"] ?? []) as readonly Record<"imported" | "local", { readonly name: string }>[];
    const source = node["source"] as { readonly value: string } | null | undefined;
    if (node.type === "ImportDeclaration" && source?.value.startsWith(".")) {
      for (const one of specifiers) imported.set(one.local.name, { file: from(source), name: one.imported.name });
    } else if (source && node.type === "ExportNamedDeclaration") {
      for (const one of specifiers) listed.push({ file: from(source), name: one.local.name });
    } else {
      const comment = comments.findLast(({ end }) => end <= node.start && text.slice(end, node.start).trim() === "");
      const told = text.slice(comment?.start ?? node.start, node.end).replace(/^(export )?declare /m, "$1");
      const named = (node["declaration"] ?? node) as Node;
      for (const name of namesOf(named)) declared.set(name, { text: indented(told), names: typesIn(named) });
    }
  }
  return { declared, imported, listed };
}

/** What a statement declares. */
function namesOf(node: Node): readonly string[] {
  const many = node["declarations"] as readonly { readonly id: { readonly name: string } }[] | undefined;
  const one = node["id"] as { readonly name: string } | null | undefined;
  return many?.map(({ id }) => id.name) ?? (one ? [one.name] : []);
}

/** The types that are named in a declaration, also by `typeof` and `extends`. */
function typesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const node = value as Node;
  const named = { TSTypeReference: "typeName", TSTypeQuery: "exprName", TSInterfaceHeritage: "expression" }[node.type];
  const name = named === undefined ? undefined : (node[named] as { readonly name?: string }).name;
  return [...(name === undefined ? [] : [name]), ...Object.values(value).flatMap(typesIn)];
}

const indented = (text: string): string => text.replace(/^( {4})+/gm, (spaces) => spaces.slice(spaces.length / 2));

if (import.meta.main) writeFileSync(join(root, "docs", "api.md"), apiPage());
