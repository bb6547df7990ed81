import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { formatIp, type IpScope, mayBeTold, parseIp, scopeOfIp } from "./ip.ts";

test("addresses read and print as RFC 5952 has it", () => {
  const cases: readonly (readonly [text: string, printed: string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:c000:207", "192.0.2.7"],
  ];
  for (const [text, printed] of cases) assert.equal(formatIp(parseIp(text)!), printed, text);
});

test("what is no address, or one with a zone, is undefined", () => {
  const cases = [
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.4 ",
    "a.b.c.d",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
  ];
  cases.push(
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "::g",
    "fe80::1%eth0",
    "1.2.3.4::",
    "::1.2.3",
    "[::1]",
    "localhost",
  );
  for (const text of cases) assert.equal(parseIp(text), undefined, text);
});

test("it agrees with Node on what is an address", () => {
  const like = fc.oneof(
    fc.stringMatching(/^[0-9a-f:.]{0,20}$/),
    fc.array(fc.constantFrom("0", "1", "ffff", "", "12345", "1.2.3.4", ":"), { maxLength: 10 }).map((parts) => parts.join(":")),
    fc.ipV6(),
    fc.ipV4(),
  );
  fc.assert(
    fc.property(like, (text) => assert.equal(parseIp(text) !== undefined, isIP(text) !== 0, text)),
    { numRuns: 5000 },
  );
});

test("bytes print to a text that reads to the same bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(bytes, (ip) => {
      const text = formatIp(Uint8Array.from(ip));
      const read = parseIp(text)!;
      assert.ok(isIP(text) > 0);
      assert.deepEqual([...read], ip.length > read.length ? ip.slice(12) : [...ip]);
    }),
    { numRuns: 2000 },
  );
});

test("how far an address reaches", () => {
  const cases: readonly (readonly [text: string, scope: IpScope])[] = [
    ["127.0.0.1", "host"],
    ["127.255.0.3", "host"],
    ["::1", "host"],
    ["::ffff:127.0.0.1", "host"],
    ["169.254.169.254", "link"],
    ["fe80::1", "link"],
    ["febf::1", "link"],
    ["fec0::1", "wide"],
    ["10.0.0.1", "wide"],
    ["2001:db8::1", "wide"],
    ["::2", "wide"],
    ["fd00::1", "wide"],
    ["0.0.0.0", "none"],
    ["0.1.2.3", "none"],
    ["224.0.0.251", "none"],
    ["255.255.255.255", "none"],
    ["::", "none"],
    ["ff02::fb", "none"],
  ];
  for (const [text, scope] of cases) assert.equal(scopeOfIp(parseIp(text)!), scope, text);
});

test("who is far away may tell of nothing near", () => {
  const may = (ip: string, via: string): boolean => mayBeTold(parseIp(ip)!, parseIp(via));
  for (const wide of ["192.0.2.7", "2001:db8::1"])
    assert.ok(may(wide, "198.51.100.1") && may(wide, "127.0.0.1") && may(wide, "a name"));
  assert.deepEqual([may("127.0.0.1", "::1"), may("127.0.0.1", "198.51.100.1"), may("::1", "169.254.1.1")], [true, false, false]);
  assert.deepEqual(
    [may("169.254.1.2", "fe80::1"), may("169.254.169.254", "10.0.0.1"), may("fe80::1", "a name")],
    [true, false, false],
  );
  assert.deepEqual([may("0.0.0.0", "0.0.0.0"), may("224.0.0.1", "224.0.0.1")], [false, false]);
});
