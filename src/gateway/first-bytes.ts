// Which protocol a connection speaks, by its first bytes. Pure; what has once been decided stays so, however many more bytes come.

// Not imported: an import of node:http reads all its exports, and with them loads the whole of undici.
const { METHODS } = process.getBuiltinModule("node:http");

/** `tls`: somebody typed https. `undecided`: what has come could become a request, or a TLS hello, or just text. */
export type Protocol = "http" | "text" | "tls";

/** "PRI" begins a connection of HTTP/2 that asked for no leave: that is a program's, too, and not somebody's message. */
const BEGINNINGS = [...METHODS, "PRI"].map((method) => Buffer.from(`${method} `, "latin1"));
/** The type of a handshake record, and the major version, which all versions of TLS begin with. */
const TLS_HELLO = Buffer.from([0x16, 0x03]);

/** Reads no more of them than the longest method has. */
export function protocolOf(first: Buffer): Protocol | "undecided" {
  if (beginsWith(first, TLS_HELLO)) return "tls";
  if (BEGINNINGS.some((beginning) => beginsWith(first, beginning))) return "http";
  return [...BEGINNINGS, TLS_HELLO].some((beginning) => beginsWith(beginning, first)) ? "undecided" : "text";
}

const beginsWith = (bytes: Buffer, beginning: Buffer): boolean =>
  bytes.length >= beginning.length && bytes.compare(beginning, 0, beginning.length, 0, beginning.length) === 0;
