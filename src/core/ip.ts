// IP addresses between text and bytes. Pure; an IPv4 address mapped into IPv6 is the IPv4 address.

const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** The 4 or 16 bytes of an address; undefined for anything else, an address with a zone too. */
export function parseIp(text: string): Buffer | undefined {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes?.length === 16 && bytes.subarray(0, 12).equals(MAPPED) ? bytes.subarray(12) : bytes;
}

/** Dotted, or as RFC 5952 has it. 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const [start, length] = longestZeros(words);
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(":");
  return length < 2 ? hex(words) : `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

/** How far an address reaches. `none`: it names no single host (unspecified, multicast, broadcast). */
export type IpScope = "host" | "link" | "wide" | "none";

export function scopeOfIp(bytes: Uint8Array): IpScope {
  const a = bytes[0]!;
  const b = bytes[1]!;
  if (bytes.length === 4) {
    if (a === 127) return "host";
    if (a === 169 && b === 254) return "link";
    return a === 0 || a >= 224 ? "none" : "wide";
  }
  if (a === 0xff || bytes.every((byte) => byte === 0)) return "none";
  if (bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0)) return "host";
  return a === 0xfe && (b & 0xc0) === 0x80 ? "link" : "wide";
}

/**
 * Whether who is at `via` may tell of this address: one that reaches far, or no nearer than where it is itself, so that nobody far away
 * makes this device knock at its own ports or at those beside it.
 */
export function mayBeTold(ip: Uint8Array, via: Uint8Array | undefined): boolean {
  const scope = scopeOfIp(ip);
  return scope === "wide" || (scope !== "none" && via !== undefined && scope === scopeOfIp(via));
}

function parseIpv4(text: string): Buffer | undefined {
  const parts = text.split(".", 5);
  const valid = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return valid ? Buffer.from(parts.map(Number)) : undefined;
}

function parseIpv6(text: string): Buffer | undefined {
  const halves = text.split("::", 3).map((half) => (half === "" ? [] : half.split(":", 9)));
  const last = halves.at(-1)!;
  if (last.at(-1)?.includes(".")) {
    const tail = parseIpv4(last.pop()!);
    if (tail === undefined) return undefined;
    last.push(tail.toString("hex", 0, 2), tail.toString("hex", 2));
  }
  const [head = [], end = []] = halves;
  const zeros = 8 - head.length - end.length;
  if (halves.length > 2 || (halves.length === 2 ? zeros < 1 : zeros !== 0)) return undefined;
  const words = [...head, ...Array.from({ length: zeros }, () => "0"), ...end];
  return words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))
    ? Buffer.from(words.map((word) => word.padStart(4, "0")).join(""), "hex")
    : undefined;
}

/** The first of the longest runs of zeros: where, and how many. */
function longestZeros(words: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < words.length; start++) {
    let end = start;
    while (words[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}
