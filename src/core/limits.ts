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
  addressBytes: [300, "bytes", "One address as text: a host name of the longest kind, a scheme and a port."],
  tcpKeepAliveMs: [30_000, "ms", "Idle time after which TCP asks whether the other end is there."],
  pendingLogMs: [10_000, "ms", "One line in the log for one address and this long, whatever it sends."],
  familiarGroups: [256, "addresses", "Where paired peers came from last: a flood from elsewhere does not take their place in the queue."],
  strangerSessions: [16, "sessions", "Sessions with peers that are not paired, in all, while a ticket is open."],
  strangerSessionsPerAddress: [4, "sessions", "The same for one IPv4 address or IPv6 /64."],
  strangerHeadBytes: [16 * KiB, "bytes", "The head of a request of a peer that is not paired."],
  apartSessions: [4, "sessions", "Sessions that one paired peer may open beside the one that is kept, to pair again."],
  headsHeldBytes: [8 * MiB, "bytes", "Heads of requests of one session that have arrived in part."],
  lingerMs: [10_000, "ms", "What the other side still sends after the answer is taken and dropped for so long; then the stream is cut."],
  errorTextChars: [500, "characters", "A message or hint of the other side's error."],
  errorDetails: [16, "facts", "Details of the other side's error, of 200 characters each."],
  dialYieldMs: [150, "ms", "When both could dial, the peer with the larger id lets the other go first."],
  backOffMinMs: [200, "ms", "The wait before a peer is dialled again; it doubles with every failure, and half of it is random."],
  backOffMaxMs: [30_000, "ms", "The longest wait before a peer is dialled again, and the wait after one that does not want us."],
  steadyMs: [10_000, "ms", "A session that lived so long starts the waits from the shortest again."],
  // session: the multiplexer
  yamuxStreams: [256, "streams", "Streams that each side may have opened in one session and not finished."],
  yamuxWindowBytes: [2 * MiB, "bytes", "What a peer may send on one stream before it is read: the spec's 256 KiB, and more while there is credit to lend."],
  yamuxCreditBytes: [32 * MiB, "bytes", "What all windows of a session may have beyond the spec's 256 KiB each."],
  yamuxFrameBytes: [64 * KiB, "bytes", "The data of one frame that we send."],
  yamuxQueueBytes: [256 * KiB, "bytes", "What a stream keeps to send before its writer has to wait."],
  yamuxQueueWriters: [1024, "writes", "Writes to one stream that wait at once."],
  yamuxSocketBytes: [256 * KiB, "bytes", "What is handed to the socket at once: what a small request has to wait behind."],
  yamuxFreshBytes: [64 * KiB, "bytes", "A stream that has sent less than this since it was last idle goes before the others."],
  yamuxFreshMs: [250, "ms", "A stream that has sent nothing for so long was idle."],
  yamuxControlFrames: [1024, "frames", "Answers to a peer that it does not take; more cut the session."],
  yamuxPingMs: [10_000, "ms", "A session on which nothing arrived for so long is asked whether it still lives."],
  yamuxMissedPings: [3, "pings", "Unanswered questions after which it is dead: a broken link is noticed within 45 s."],
  yamuxPingsPerSecond: [10, "frames/s", "Pings that are answered; more cut the session. So do the next four."],
  yamuxOpensPerSecond: [20_000, "frames/s", "Streams that a peer opens."],
  yamuxResetsPerSecond: [1000, "frames/s", "Streams that a peer resets, that it opens beyond its limit, and frames for streams that are over."],
  yamuxEmptyPerSecond: [1000, "frames/s", "Data frames without data."],
  yamuxUpdatesPerSecond: [1000, "frames/s", "Window updates beyond one for each data frame that it got."],
  yamuxFarewellMs: [2000, "ms", "What is queued when a session is closed has so long to get out."],
  // space
  inlineValueBytes: [64 * KiB, "bytes", "A value that travels inside its entry; larger ones are blobs."],
  pathComponents: [64, "components", "Components of a path."],
  pathComponentBytes: [255, "bytes", "One component of a path."],
  pathBytes: [4096, "bytes", "All components of a path together."],
  versionVectorEntries: [256, "entries", "Authors' incarnations seen by one entry's version vector."],
  futureMs: [600_000, "ms", "How far ahead an entry's clock may be; further is deferred."],
  pathVersions: [256, "entries", "Concurrent versions of one path; further ones are held until the conflict is settled."],
  deferredPerAuthor: [256, "entries", "Entries of one author that wait in one space for their time, or for a newer program."],
  deferredPerSpace: [1024, "entries", "The same for all authors of a space."],
  batchEntries: [1000, "entries", "Entries in one batch between two stores, and values in one write."],
  batchBytes: [1 * MiB, "bytes", "After how many bytes a batch between two stores ends."],
  listPaths: [1000, "paths", "Paths in one page of a list or of changes."],
  scannedEntries: [10_000, "entries", "Entries looked at for one page of changes, whether they are in it or not."],
  waitingCount: [10_000, "entries", "How far entries that wait for a neighbour are counted."],
  storeCalls: [10_000, "calls", "Calls to the store that are under way at once."],
  groupCalls: [1000, "calls", "Calls to the store that share one commit."],
  // replication
  pushFrameBytes: [1 * MiB, "bytes", "One batch of entries on its way to a peer, with its framing."],
  pushEntries: [4096, "entries", "The entries of one batch."],
  pushWindow: [4, "batches", "Batches that are sent, or taken in, before the first of them is answered."],
  pushAnswerMs: [60_000, "ms", "A peer that has not answered a batch by then is asked anew."],
  pushRetryMs: [250, "ms", "The first pause after a push that brought nothing forward; it doubles each time."],
  pushRetryMaxMs: [60_000, "ms", "The longest such pause."],
  pushSaveMs: [1000, "ms", "How long a peer's acknowledgement may wait to be saved; a lost one costs a batch sent twice."],
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
