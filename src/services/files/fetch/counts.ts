// The counts that a receiver sends back: 8 bytes each, how much is verified and written there.

import type { Stream } from "../../../session/contract.ts";

/** Until the receiver ends its side. A later count says all that an earlier one did: of several at once, the last. */
export async function* countsOf(stream: Stream): AsyncGenerator<bigint> {
  let held = Buffer.alloc(0);
  for (let chunk; (chunk = await stream.read()) !== null;) {
    held = Buffer.concat([held, chunk]);
    const whole = held.length - (held.length % 8);
    if (whole === 0) continue;
    const count = held.readBigUInt64BE(whole - 8);
    held = held.subarray(whole);
    yield count;
  }
}
