// What people see: sizes, times, tables, bars. Nothing may be wider than there is room, and nothing from elsewhere may reach the terminal raw.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { formatClock, formatCount, formatDuration, formatRate, formatTime } from "./format.ts";
import { jsonLine } from "./json.ts";
import { renderLine } from "./progress-line.ts";
import { createProgress, type Progress, type Screen } from "./progress.ts";
import { renderQr } from "./qr.ts";
import { renderTable } from "./table.ts";
import { fit, measurable, widthOf } from "./width.ts";

process.env["TERM"] = "xterm";

const plain = (text: string): string => text;

test("rates", () => {
  assert.equal(formatRate(2 ** 20), "1.00 MiB/s");
});

test("times", () => {
  assert.deepEqual([0, 1, 7000, 59_001, 754_000, 11_220_000, 52_000_000, 187_200_000, 900_000_000].map(formatClock), [
    "0:00",
    "0:01",
    "0:07",
    "1:00",
    "12:34",
    "3:07:00",
    "14 h",
    "52 h",
    "10 d",
  ]);
  assert.deepEqual([420, 4200, 42_000, 180_000, 11_520_000, 187_200_000].map(formatDuration), [
    "420 ms",
    "4.2 s",
    "42 s",
    "3 min",
    "3 h 12 min",
    "2 d 4 h",
  ]);
  const noon = new Date(2026, 10, 20, 12, 5).getTime();
  assert.equal(formatTime(noon, noon), "12:05");
  assert.equal(formatTime(noon, noon + 86_400_000), "2026-11-20 12:05");
  assert.equal(formatTime(Number.NaN), "some time");
  assert.equal(formatTime(8.65e15), "some time");
  assert.deepEqual([formatCount(1, "message"), formatCount(2, "message")], ["1 message", "2 messages"]);
});

test("widths of any script; what is cut says so, and characters stay whole", async () => {
  await measurable(["日本"]);
  assert.deepEqual(["abc", "日本", "e\u0301", "👨‍👩‍👧", ""].map(widthOf), [3, 4, 1, 2, 0]);
  assert.equal(fit("holiday.mkv", 8), "holiday…");
  assert.equal(fit("日本語の名前", 7), "日本語…");
  assert.equal(fit("abc", 3), "abc");
  assert.equal(fit("abc", 0), "");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, columns) =>
      assert.ok(widthOf(fit(text, columns)) <= columns),
    ),
  );
});

test("a table fits the terminal, its widest column giving way", async () => {
  const columns = [{ title: "N", align: "right" as const }, { title: "FILE" }, { title: "STATE" }];
  const rows = [
    ["1", "a-rather-long-file-name-from-somewhere.tar.gz", "done"],
    ["12", "日本語.txt", "waiting"],
  ];
  assert.equal(
    await renderTable(columns, rows, Infinity, plain),
    [
      " N  FILE                                           STATE",
      " 1  a-rather-long-file-name-from-somewhere.tar.gz  done",
      "12  日本語.txt                                     waiting",
    ].join("\n"),
  );
  assert.equal(
    await renderTable(columns, rows, 30, plain),
    [" N  FILE               STATE", " 1  a-rather-long-fi…  done", "12  日本語.txt         waiting"].join("\n"),
  );
  assert.equal(await renderTable(columns, [], 80, plain), "");
});

const half = {
  name: "holiday.mkv",
  doneBytes: 128 * 2 ** 20,
  totalBytes: 256 * 2 ** 20,
  bytesPerSecond: 2 ** 26,
  waits: undefined,
} satisfies Progress;
const fast = { rate: 2 ** 26, leftMs: 2000 };
const still = { rate: 0, leftMs: undefined };

test("a line of progress shows what there is room for", () => {
  const waiting = { ...half, doneBytes: 0, waits: "waits for laptop to be there" };
  assert.deepEqual(
    [renderLine(half, fast, 79), renderLine(half, fast, 39), renderLine(waiting, still, 79), renderLine(waiting, still, 39)],
    [
      "holiday.mkv    ███████░░░░░░░   50 %    128 MiB of 256 MiB  64.0 MiB/s     0:02",
      "holiday.mkv   50 %  64.0 MiB/s     0:02",
      "holiday.mkv             0 %        0 B of 256 MiB  waits for laptop to be there",
      "holiday…    0 %  waits for laptop to b…",
    ],
  );
  assert.equal(
    renderLine({ ...half, totalBytes: 0, doneBytes: 0 }, still, 39)
      .trimEnd()
      .endsWith("100 %"),
    true,
  );
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.nat(2 ** 40),
      fc.nat(2 ** 30),
      fc.integer({ min: 10, max: 200 }),
      (name, done, rate, columns) => {
        const line = renderLine(
          { ...half, name, doneBytes: Math.min(done, half.totalBytes) },
          { rate, leftMs: rate * 7 },
          columns,
        );
        assert.ok(widthOf(line) <= columns, `${widthOf(line)} > ${columns}: ${line}`);
      },
    ),
  );
});

test("of what nobody knows the size of, how much there is and how fast", () => {
  const unknown = { name: "log.txt", doneBytes: 128 * 2 ** 20, totalBytes: undefined };
  assert.equal(
    renderLine(unknown, { rate: 2 ** 26, leftMs: undefined }, 80).replaceAll(/ +/g, " "),
    "log.txt 128 MiB 64.0 MiB/s",
  );
  for (const columns of [10, 40, 80, 200]) assert.ok(widthOf(renderLine(unknown, fast, columns)) <= columns);
});

function screen(isTTY: boolean, columns = 80): Screen & { written: string } {
  return {
    isTTY,
    columns,
    written: "",
    write(text) {
      this.written += text;
    },
  };
}

test("without a terminal there is one plain line per 10 %, and one per reason to wait", async () => {
  const out = screen(false);
  const view = await createProgress(out, true);
  view.update("a", { ...half, doneBytes: 0, waits: "waits for laptop to agree" });
  view.update("a", { ...half, doneBytes: 0, waits: "waits for laptop to agree" });
  for (let percent = 0; percent <= 100; percent++) view.update("a", { ...half, doneBytes: (half.totalBytes * percent) / 100 });
  view.remove("a");
  view.close();
  const lines = out.written.trimEnd().split("\n");
  assert.equal(lines[0], "holiday.mkv: waits for laptop to agree");
  assert.equal(lines[1], "holiday.mkv: 10 % of 256 MiB, 64.0 MiB/s");
  assert.equal(lines.length, 11);
  assert.ok(!out.written.includes("\r") && !out.written.includes("\u001b"));
});

test("a terminal that can't be painted on gets plain lines", async (t) => {
  t.after(() => (process.env["TERM"] = "xterm"));
  process.env["TERM"] = "dumb";
  const out = screen(true);
  const view = await createProgress(out, true);
  view.update("a", half);
  view.close();
  assert.equal(out.written, "holiday.mkv: 50 % of 256 MiB, 64.0 MiB/s\n");
});

test("on a terminal the lines are painted over, at most ten times a second, and taken away", async () => {
  const out = screen(true);
  const view = await createProgress(out, true);
  for (let i = 0; i < 1000; i++) view.update("a", half);
  view.update("b", { ...half, name: "second" });
  assert.ok(out.written.split("holiday.mkv").length <= 4, "painted more often than it should");
  view.above(() => out.write("said above\n"));
  assert.match(out.written, /said above\n/);
  assert.match(out.written, /second/);
  view.close();
  assert.ok(out.written.endsWith("\u001b[J"));
});

test("--no-progress shows none, but what is said is said", async () => {
  const out = screen(true);
  const view = await createProgress(out, false);
  view.update("a", half);
  view.above(() => out.write("said\n"));
  view.close();
  assert.equal(out.written, "said\n");
});

test("JSON is one line that no terminal obeys, and means the same", () => {
  const nasty = "a\u001b[31m\u0085\u202e\u2028\u{e0041}\ud800 ü 日";
  const line = jsonLine({ [nasty]: nasty });
  assert.doesNotMatch(line.trimEnd(), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  assert.match(line, /ü 日/);
  assert.deepEqual(JSON.parse(line), { [nasty]: nasty });
  assert.equal(jsonLine(undefined), "null\n");
  fc.assert(
    fc.property(fc.jsonValue(), (value) => assert.deepEqual(JSON.parse(jsonLine(value)), JSON.parse(JSON.stringify(value)))),
  );
});

test("a QR code has its quiet zone and two modules a line", () => {
  const lines = renderQr("COVEY1ABC").split("\n");
  const width = lines[0]!.length;
  assert.ok(lines.every((line) => line.length === width));
  assert.equal(lines.length, Math.ceil(width / 2));
  assert.match(lines[0]!, /^█+$/);
  assert.ok(lines.some((line) => /▀|▄/.test(line)));
});
