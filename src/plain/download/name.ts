// What a fetched file is to be called. Pure.

import { parse } from "content-disposition";

import { safeFileName } from "../../blob/names.ts";
import type { AnswerHead } from "../http/head.ts";
import { textOf } from "../http/head.ts";

/** What the server says, or the last part of the address that was asked for; one safe component. */
export function nameOf(head: AnswerHead | undefined, url: URL): string {
  const said = dispositionName(head?.fields.get("content-disposition"));
  // Whole paths are said by servers that name the file as they know it.
  const last = (said ?? decoded(url.pathname)).split(/[/\\]/).at(-1)!.trim();
  if (last !== "") return safeFileName(last);
  return /^text\/html\b/i.test(head?.fields.get("content-type") ?? "") ? "index.html" : "download";
}

function dispositionName(field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  try {
    const { filename } = parse(field).parameters;
    return filename === undefined || filename === "" ? undefined : textOf(filename);
  } catch {
    return undefined;
  }
}

/** A separator that was percent-encoded belongs to the name, and is made safe there. */
function decoded(pathname: string): string {
  const last = pathname.split("/").at(-1)!;
  try {
    return decodeURIComponent(last).replace(/[/\\]/g, "_");
  } catch {
    return last;
  }
}
