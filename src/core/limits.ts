// Every limit has a name, a number, a unit and a reason; docs/limits.md shows this table, and a test holds the two together.

const KiB = 1024;
const MiB = 1024 * KiB;

/** name: [value, unit, reason]. */
export const LIMIT_TABLE = {
  // session: before and around the multiplexer
  handshakeMs: [10_000, "ms", "A TLS handshake and the hello after it must end by then; strangers hold nothing longer."],
  pendingConnections: [256, "connections", "Connections that have not proven who they are, in all."],
  pendingConnectionsPerAddress: [16, "connections", "The same for one IPv4 address or IPv6 /64."],
  helloBytes: [4 * KiB, "bytes", "The first record of a session, each way."],
  headBytes: [1 * MiB, "bytes", "The head of a request or an answer on a stream."],
  requestMs: [30_000, "ms", "A request without a limit of its own is given up after this."],
  strangerStreams: [4, "streams", "What a peer that is not paired may have open at once."],
  strangerMs: [30_000, "ms", "The life of a session with a peer that is not paired."],
  dialStaggerMs: [150, "ms", "Head start of each address over the next when several are tried (RFC 8305)."],
  dialAddresses: [16, "addresses", "Addresses that are tried for one peer."],
  // space
  inlineValueBytes: [64 * KiB, "bytes", "A value that travels inside its entry; larger ones are blobs."],
  pathComponents: [64, "components", "Components of a path."],
  pathComponentBytes: [255, "bytes", "One component of a path."],
  pathBytes: [4096, "bytes", "All components of a path together."],
  versionVectorEntries: [256, "entries", "Authors' incarnations seen by one entry's version vector."],
  futureMs: [600_000, "ms", "How far ahead an entry's clock may be; further is deferred."],
  // messages and data
  messageBytes: [64 * KiB - 1024, "bytes", "The UTF-8 text of one message; the rest of an inline value is its envelope."],
  // blobs
  blockBytes: [1 * MiB, "bytes", "The unit in which file content is hashed, verified, sent and resumed."],
  // pairing
  ticketMs: [600_000, "ms", "How long a ticket can be used when nothing else was asked for."],
  openTickets: [16, "tickets", "Tickets that wait for a peer at once."],
  peerNameBytes: [64, "bytes", "The name of a peer."],
} as const satisfies Record<string, readonly [value: number, unit: string, reason: string]>;

export type LimitName = keyof typeof LIMIT_TABLE;

/** The numbers of LIMIT_TABLE by name. */
export const LIMITS = Object.fromEntries(Object.entries(LIMIT_TABLE).map(([name, [value]]) => [name, value])) as {
  readonly [Name in LimitName]: number;
};
