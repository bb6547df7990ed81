// What kind of answer a client would rather have (RFC 9110, 12.5.1). Pure.

/** Whether this kind is named, and none of the others is wanted as much. Whoever takes anything names nothing. */
export function prefers(accept: string | undefined, kind: string, others: readonly string[]): boolean {
  const quality = qualities(accept);
  const wanted = quality.get(kind) ?? 0;
  return wanted > 0 && others.every((other) => (quality.get(other) ?? 0) < wanted);
}

/** Whether a person is likely to look at the answer. */
export const wantsPage = (accept: string | undefined): boolean => (qualities(accept).get("text/html") ?? 0) > 0;

function qualities(accept = ""): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const item of accept.split(",")) {
    const [kind = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const value = q === undefined ? 1 : Number(q.slice(2));
    if (kind !== "") found.set(kind, Number.isNaN(value) ? 0 : value);
  }
  return found;
}
