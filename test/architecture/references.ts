// What one source file refers to, read from its syntax tree: imports (static, of types, dynamic, in types), files named by
// `new URL("…", import.meta.url)`, and what it passes on.

import { parseSync } from "oxc-parser";

export interface Reference {
  /** As written; a template's expressions are left out. undefined: computed, so that nobody can tell. */
  readonly to: string | undefined;
  readonly typeOnly: boolean;
}

export interface SourceReferences {
  readonly references: readonly Reference[];
  /** Exports something that it imported: `export … from`, or an import by name that is exported again. */
  readonly passesOn: boolean;
  readonly defaultExport: boolean;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

export function referencesOf(file: string, text: string): SourceReferences {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  const references: Reference[] = [];
  const imported = new Set<string>();
  const exported = new Set<string>();
  let passesOn = false;
  let defaultExport = false;

  const visit: Readonly<Record<string, (node: Node) => void>> = {
    ImportDeclaration(node) {
      const specifiers = node["specifiers"] as readonly Node[];
      const typeOnly =
        node["importKind"] === "type" || (specifiers.length > 0 && specifiers.every((one) => one["importKind"] === "type"));
      references.push({ to: textOf(node["source"]), typeOnly });
      for (const one of specifiers) imported.add(nameOf(one["local"]));
    },
    ExportNamedDeclaration(node) {
      for (const one of node["specifiers"] as readonly Node[]) {
        exported.add(nameOf(one["local"]));
        if (nameOf(one["exported"]) === "default") defaultExport = true;
      }
      if (node["source"] === null) return;
      references.push({ to: textOf(node["source"]), typeOnly: node["exportKind"] === "type" });
      passesOn = true;
    },
    ExportAllDeclaration(node) {
      references.push({ to: textOf(node["source"]), typeOnly: node["exportKind"] === "type" });
      passesOn = true;
    },
    ExportDefaultDeclaration: () => void (defaultExport = true),
    ImportExpression: (node) => references.push({ to: textOf(node["source"]), typeOnly: false }),
    TSImportType: (node) => references.push({ to: textOf(node["source"] ?? node["argument"]), typeOnly: true }),
    NewExpression(node) {
      const [target, base] = node["arguments"] as readonly (Node | undefined)[];
      const isFile = nameOf(node["callee"]) === "URL" && base?.type === "MemberExpression" && nameOf(base["property"]) === "url";
      if (isFile) references.push({ to: textOf(target), typeOnly: false });
    },
  };
  walk(program, (node) => visit[node.type]?.(node));
  passesOn ||= [...exported].some((name) => imported.has(name));
  return { references, passesOn, defaultExport };
}

function walk(value: unknown, enter: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, enter);
  } else if (typeof value === "object" && value !== null) {
    if (isNode(value)) enter(value);
    for (const item of Object.values(value)) walk(item, enter);
  }
}

const isNode = (value: object): value is Node => "type" in value && typeof value.type === "string";

const nameOf = (node: unknown): string => String((node as { name?: unknown; value?: unknown }).name ?? (node as Node)["value"]);

/** A literal's text, or a template's without its expressions. */
function textOf(node: unknown): string | undefined {
  const { type, value, literal, quasis } = node as Node;
  if (type === "Literal" && typeof value === "string") return value;
  if (type === "TSLiteralType") return textOf(literal);
  if (type !== "TemplateLiteral") return undefined;
  return (quasis as readonly { readonly value: { readonly cooked: string } }[]).map((quasi) => quasi.value.cooked).join("");
}
