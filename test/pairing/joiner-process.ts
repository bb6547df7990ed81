// A process that joins by a ticket: HOME TICKET. Says "ready", then, once it is paired, the pair secret in hex.

import { systemClock } from "../../src/core/clock.ts";
import { toHex } from "../../src/core/bytes.ts";
import { silentLog } from "../../src/core/log.ts";
import { openHome } from "../../src/identity/home.ts";
import { loadIdentity } from "../../src/identity/key.ts";
import { openPeerBook } from "../../src/identity/peer-book.ts";
import { createPairing } from "../../src/services/pairing/pairing.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { tcpTransport } from "../../src/transport/tcp.ts";

const [dir = "", ticket = ""] = process.argv.slice(2);
const home = await openHome(dir);
const needs = { identity: await loadIdentity(home), book: await openPeerBook(home), clock: systemClock, log: silentLog };
const transport = { transports: [tcpTransport], listen: [] };
const sessions = createSessions({
  ...needs,
  ...transport,
  storeId: () => "1".repeat(32) as never,
  welcomesStrangers: () => false,
});
const pairing = createPairing({ ...needs, sessions, deviceName: "bert" });
await sessions.start();
process.stdout.write("ready\n");
const { peerId } = await pairing.join(ticket, { signal: AbortSignal.timeout(20_000) });
process.stdout.write(toHex(needs.book.secret(peerId)!));
pairing.close();
await sessions.close();
