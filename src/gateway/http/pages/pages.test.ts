import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import { LIMITS } from "../../../core/limits.ts";
import { formatSize } from "../../../core/size.ts";
import { renderDirectory, type DirectoryView, type ShownEntry } from "./directory.ts";
import { shownCount, shownTime } from "./format.ts";
import { html } from "./html.ts";
import { renderList } from "./list.ts";
import { PAGE_HEADERS } from "./page.ts";
import { renderProblem } from "./problem.ts";
import { SCRIPT } from "./script.ts";

const EVIL = `</title></style></script><img src=x onerror=alert(1)>"'&`;
const entry = (name: string, kind: ShownEntry["kind"] = "file"): ShownEntry => ({
  name: Buffer.from(name),
  kind,
  size: 1,
  mtimeMs: 0,
});
const view = (facts: Partial<DirectoryView>): DirectoryView => ({
  ...{ root: Buffer.from("root"), path: [], entries: [], more: 0, list: undefined, upload: undefined },
  ...facts,
});
const links = (page: string): string[] => [...page.matchAll(/<a href="([^"]*)"/g)].map(([, href]) => href!);

test("whatever is put into a template is escaped, but what is HTML already", () => {
  const inner = html`<b>${"<&>"}</b>`;
  assert.equal(
    String(html`<p title="${`"'`}">${[inner, 1, undefined, false, ["<"]]}</p>`),
    `<p title="&quot;&#39;"><b>&lt;&amp;&gt;</b>1&lt;</p>`,
  );
});

test("no text of others becomes an element, on any page", () => {
  const upload = { receipt: { files: [{ name: EVIL, size: 1 }], problem: EVIL } };
  const list = { name: EVIL, values: [EVIL], problem: undefined };
  const pages = [
    renderDirectory(
      view({
        root: Buffer.from(EVIL),
        path: [Buffer.from(EVIL)],
        entries: [entry(EVIL), entry(EVIL, "directory")],
        list,
        upload,
      }),
    ),
    renderList({ ...list, problem: EVIL }, upload),
    renderProblem({ status: 400, problem: EVIL, hint: EVIL, back: EVIL }),
  ];
  for (const page of pages) {
    assert.doesNotMatch(page, /<img/);
    assert.equal(page.split("<script>").length, 2);
    assert.equal(page.split("</title>").length, 2);
  }
});

test("the policy of pages lets run the style and the script that are on them, and no other", () => {
  const policy = PAGE_HEADERS["Content-Security-Policy"]!;
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  for (const page of [
    renderDirectory(view({})),
    renderList({ name: "k", values: [], problem: undefined }, undefined),
    renderProblem({ status: 404, problem: undefined, hint: undefined, back: undefined }),
  ]) {
    for (const [tag, directive] of [
      ["style", "style-src"],
      ["script", "script-src"],
    ]) {
      const text = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(page)![1]!;
      assert.ok(
        policy.includes(`${directive} 'sha256-${createHash("sha256").update(text).digest("base64")}'`),
        `${tag} of the page`,
      );
    }
    assert.doesNotMatch(page, / (?:style|on\w+)="/);
  }
});

test("folders come first, then names as people count; the way up leads up", () => {
  const page = renderDirectory(
    view({
      path: [Buffer.from("a b"), Buffer.from("c")],
      entries: [entry("10.jpg"), entry("2.jpg"), entry("z", "directory"), entry("A"), entry("%41")],
    }),
  );
  assert.deepEqual(links(page), ["../../", "../", "z/", "%2541", "2.jpg", "10.jpg", "A"]);
  assert.match(page, /1 folder and 4 files, 4 B/);
  assert.match(page, /<html lang="en">/);
  assert.match(page, /<title>c<\/title>/);
});

test("an empty directory says so, and one with too many names how many are not shown", () => {
  assert.match(renderDirectory(view({})), /Nothing is in here yet/);
  assert.match(renderDirectory(view({ entries: [entry("a")], more: 1234 })), /1,234 more names/);
});

test("all names that are listed at most are on the page", () => {
  const entries = Array.from({ length: LIMITS.gatewayListed }, (_, i) => entry(`${i}`));
  assert.equal(links(renderDirectory(view({ entries }))).length, LIMITS.gatewayListed);
});

test("a form is there only where something may be uploaded", () => {
  assert.doesNotMatch(renderDirectory(view({})), /<form/);
  assert.match(
    renderDirectory(view({ upload: { receipt: undefined } })),
    /<form method="post" action=".\/" enctype="multipart\/form-data"/,
  );
});

test("the script of the page shows sizes as everybody else does", () => {
  const [size] = /function size\([^]*?\n  }\n/.exec(SCRIPT)!;
  const inPage = runInNewContext(`${size}; size`) as (bytes: number) => string;
  for (const bytes of [0, 999, 1000, 1024, 10_188, 10_240, 61.2 * 2 ** 20, 1023.9 * 2 ** 20, 24e9])
    assert.equal(inPage(bytes), formatSize(bytes));
});

test("counts and times", () => {
  assert.deepEqual(
    [0, 1, 10_000].map((count) => shownCount(count, "file")),
    ["0 files", "1 file", "10,000 files"],
  );
  assert.equal(
    String(shownTime(Date.UTC(2026, 10, 20, 12, 5))),
    `<time datetime="2026-11-20T12:05:00.000Z">2026-11-20 12:05 UTC</time>`,
  );
  assert.equal(shownTime(Number.NaN), undefined);
  assert.match(String(shownTime(8.64e15)), /\+275760-09-13 00:00 UTC/);
});
