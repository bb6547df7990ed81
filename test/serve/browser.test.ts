// A real Chromium against a real serving, at the size of a phone and of a desktop: opens, downloads, uploads; and what others' pages and
// hostile files can't do. With COVEY_SHOTS=DIR, screenshots are left there.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import type { Covey } from "../../src/index.ts";
import { DESKTOP, launchBrowser, openPage, PHONE } from "./browser.ts";
import { eventually, type Place as Home, place } from "./kit.ts";
import { type Place, serve } from "./serve.ts";

const shots = process.env["COVEY_SHOTS"];
const launched = await launchBrowser(["--host-resolver-rules=MAP rebound.test 127.0.0.1, MAP *.local 127.0.0.1"]);

suite("a browser", { skip: typeof launched === "string" ? launched : false }, () => {
  const browser = launched as Browser;
  const photo = randomBytes(3_000_000);
  let home: Home;
  let covey: Covey;
  let files: string;
  let incoming: string;
  let served: Place;

  before(async () => {
    home = await place();
    [files, incoming] = [join(home.path, "files"), join(home.path, "incoming")];
    await mkdir(join(files, "Summer 2026", "Lisbon"), { recursive: true });
    await writeFile(join(files, "photo.bin"), photo);
    await writeFile(join(files, "notes.txt"), "milk, bread\n");
    await writeFile(join(files, "evil.js"), "document.title = 'pwned'");
    await writeFile(join(files, "Summer 2026", "Lisbon", "tram 28.bin"), photo.subarray(0, 1000));
    covey = await home.host();
    served = await serve(covey, { directory: files, upload: true, perAddress: 64 });
  });
  after(async () => {
    await browser.close();
    await served[Symbol.asyncDispose]();
    await covey[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  /** Runs it on a page of its own; nothing may have gone wrong on that. */
  async function onPage(options: BrowserContextOptions, url: string, work: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options);
    try {
      const { page, faults } = await openPage(context);
      await page.goto(url);
      await work(page);
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
    }
  }
  const shoot = async (page: Page, name: string): Promise<void> => {
    if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) });
  };
  const names = (page: Page): Promise<string[]> => page.locator(".files a").allInnerTexts();
  const received = async (name: string): Promise<Buffer> => readFile(join(incoming, name));

  for (const [size, viewport] of [
    ["phone", PHONE],
    ["desktop", DESKTOP],
  ] as const) {
    test(`on a ${size}: opens, walks in and up again, downloads`, async () => {
      await onPage({ viewport, hasTouch: size === "phone" }, served.url, async (page) => {
        assert.deepEqual(await names(page), ["Summer 2026", "evil.js", "notes.txt", "photo.bin"]);
        await shoot(page, `${size}-root`);
        const [download] = await Promise.all([page.waitForEvent("download"), page.getByText("photo.bin").click()]);
        assert.equal(download.suggestedFilename(), "photo.bin");
        assert.ok((await readFile(await download.path())).equals(photo));
        await page.getByText("Summer 2026").click();
        await page.getByText("Lisbon").click();
        assert.equal(await page.title(), "Lisbon");
        await shoot(page, `${size}-below`);
        const [below] = await Promise.all([page.waitForEvent("download"), page.getByText("tram 28.bin").click()]);
        assert.ok((await readFile(await below.path())).equals(photo.subarray(0, 1000)));
        await page.getByRole("navigation").getByRole("link").first().click();
        assert.equal((await names(page)).length, 4);
      });
    });

    test(`on a ${size}: uploads several, with progress, under free names`, async () => {
      await onPage({ viewport, colorScheme: size === "phone" ? "dark" : "light" }, served.url, async (page) => {
        const session = await page.context().newCDPSession(page);
        const uploadThroughput = 4_000_000;
        await session.send("Network.emulateNetworkConditions", {
          offline: false,
          latency: 0,
          downloadThroughput: -1,
          uploadThroughput,
        });
        const contents = [photo, randomBytes(100_000), Buffer.alloc(0), randomBytes(10), randomBytes(70_000)];
        const given = [`${size}.mov`, "naïve – 日本.txt", "empty", `${size}.mov`, 'say "hi".txt'];
        await page
          .locator("input[type=file]")
          .setInputFiles(given.map((name, i) => ({ name, mimeType: "application/octet-stream", buffer: contents[i]! })));
        await underWay(page);
        await shoot(page, `${size}-uploading`);
        await page.getByText("5 files sent").waitFor();
        await shoot(page, `${size}-uploaded`);
        assert.equal(await page.locator(".uploads .good").count(), 5);
        const texts = await page.locator(".uploads li span").allInnerTexts();
        assert.match(texts.join("\n"), new RegExp(`Sent, .*as ${size} \\(2\\)\\.mov`));
        const there = await Promise.all((await readdir(incoming)).map(received));
        for (const content of contents) assert.ok(there.some((one) => one.equals(content)));
        assert.ok((await received('say "hi".txt')).length === 70_000);
      });
    });
  }

  test("nothing is wider than the phone, whatever its name", async () => {
    const wide = join(home.path, "wide");
    await mkdir(join(wide, "d".repeat(255)), { recursive: true });
    for (const name of ["W".repeat(255), "a b ".repeat(50), "日".repeat(80)]) await writeFile(join(wide, name), "x");
    await using place = await serve(covey, { directory: wide });
    await onPage({ viewport: PHONE }, place.url, async (page) => {
      for (const url of [place.url, `${place.url}${"d".repeat(255)}/`]) {
        await page.goto(url);
        assert.equal(await page.locator("html").evaluate((html: { scrollWidth: number }) => html.scrollWidth), PHONE.width);
      }
    });
  });

  test("every name is shown, and its link leads to that very file", async () => {
    const hostile = join(home.path, "hostile");
    await mkdir(hostile);
    const given = [
      "<script>document.title='pwned'<script>",
      '"><img src=x onerror=alert(1)>',
      "a\u202egpj.exe",
      "new\nline",
      "%2e%2e",
      "#frag?x=1&y",
      "javascript:alert(1)",
      " a ",
      "C:\\x",
      "😀",
      "...",
    ];
    const raw = Buffer.concat([Buffer.from(`${hostile}/caf`), Buffer.of(0xe9, 0xff)]);
    for (const name of given) await writeFile(join(hostile, name), name);
    await writeFile(raw, "raw");
    await using place = await serve(covey, { directory: hostile });
    await onPage({ viewport: DESKTOP }, place.url, async (page) => {
      await shoot(page, "hostile");
      assert.equal(await page.title(), "hostile");
      const links = await page.locator(".files a").evaluateAll((all: { href: string }[]) => all.map(({ href }) => href));
      const bodies = await Promise.all(links.map(async (link) => (await page.request.get(link)).text()));
      assert.deepEqual(bodies.toSorted(), [...given, "raw"].toSorted());
      assert.deepEqual(
        (await names(page)).filter((name) => name.startsWith("caf")),
        ["caf\\xe9\\xff"],
      );
    });
  });

  test("by keyboard alone: to the files, and to what is to be sent", async () => {
    await onPage({ viewport: DESKTOP }, served.url, async (page) => {
      await page.keyboard.press("Tab");
      assert.equal(await page.locator(":focus").getAttribute("type"), "file");
      assert.equal(await page.locator(".drop:focus-within").count(), 1);
      const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
      assert.ok(chooser.isMultiple());
      await chooser.setFiles({ name: "by-keyboard", mimeType: "", buffer: photo });
      await page.getByText("1 file sent").waitFor();
      assert.ok((await received("by-keyboard")).equals(photo));
      await page.keyboard.press("Tab");
      await Promise.all([page.waitForURL("**/Summer%202026/"), page.keyboard.press("Enter")]);
    });
  });

  test("files that are dropped are sent; what fails says why, and can be tried again", async () => {
    const context = await browser.newContext({ viewport: DESKTOP });
    const { page, faults } = await openPage(context);
    await page.goto(served.url);
    await page.route("**/*", (route) => (route.request().method() === "POST" ? route.abort() : route.continue()));
    const dataTransfer = await page.evaluateHandle(() => {
      const made = new (globalThis as unknown as { DataTransfer: new () => { items: { add(file: File): void } } }).DataTransfer();
      for (const name of ["dropped 1", "dropped 2"]) made.items.add(new File([name], name));
      return made;
    });
    for (const type of ["dragenter", "dragover", "drop"]) await page.dispatchEvent("body", type, { dataTransfer });
    await page.getByText("2 failed").waitFor();
    assert.equal(await page.locator(".uploads .bad").getByText("The connection was lost.").count(), 2);
    await shoot(page, "failed");
    await page.unroute("**/*");
    for (const name of ["dropped 1", "dropped 2"]) await page.getByRole("button", { name: `Try again: ${name}` }).click();
    await page.getByText("2 files sent").waitFor();
    assert.equal(String(await received("dropped 2")), "dropped 2");
    assert.ok(
      faults.every((fault) => fault.includes("net::ERR_FAILED")),
      faults.join(),
    );
    await context.close();
  });

  test("one that is cancelled leaves nothing, and the others go on", async () => {
    await onPage({ viewport: DESKTOP }, served.url, async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send("Network.emulateNetworkConditions", {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: 1_000_000,
      });
      await page.locator("input[type=file]").setInputFiles([
        { name: "cancelled", mimeType: "", buffer: photo },
        { name: "goes on", mimeType: "", buffer: Buffer.from("x") },
      ]);
      await underWay(page);
      await page.getByRole("button", { name: "Cancel: cancelled" }).click();
      await page.getByText("1 file sent").waitFor();
      assert.equal(await page.locator(".uploads li").count(), 1);
      while ((await readdir(incoming)).some((name) => name.startsWith("."))) await page.waitForTimeout(10);
      assert.ok(!(await readdir(incoming)).includes("cancelled"));
    });
  });

  // Of the two only the first is trusted with Sec-Fetch-Site: over the other one, Origin alone tells whose form it is.
  for (const host of ["127.0.0.1", `${hostname().split(".")[0]}.local`]) {
    test(`without scripts, at ${host === "127.0.0.1" ? host : "a name of this device"}: walks, uploads, and sees what was taken`, async () => {
      await onPage({ viewport: PHONE, javaScriptEnabled: false }, `http://${host}:${served.port}/`, async (page) => {
        await page.locator("input[type=file]").setInputFiles([
          { name: "form 1.txt", mimeType: "text/plain", buffer: Buffer.from("one") },
          { name: "form 2.txt", mimeType: "text/plain", buffer: Buffer.from("two") },
        ]);
        await page.getByRole("button", { name: "Send", exact: true }).click();
        await page.getByText("Sent 2 files").waitFor();
        await shoot(page, `no-script-${host}`);
        const shown = await page.locator(".note li").allInnerTexts();
        const stored = await Promise.all(shown.map((line) => received(line.replace(/, 3 B$/, ""))));
        assert.deepEqual(stored.map(String), ["one", "two"]);
        await page.getByText("Summer 2026").click();
        assert.deepEqual(await names(page), ["Lisbon"]);
      });
    });
  }

  test("what is served runs no script, and is at no origin of ours", async () => {
    const evil = join(home.path, "evil");
    await mkdir(evil);
    const script = `document.title = "pwned"; fetch("/", { method: "POST", body: new FormData() });`;
    await writeFile(
      join(evil, "evil.html"),
      `<!doctype html><title>evil</title><body onload='${script}'><script>${script}</script><form method=post enctype=multipart/form-data action=/><input name=file type=file></form>`,
    );
    await writeFile(
      join(evil, "evil.svg"),
      `<svg xmlns="http://www.w3.org/2000/svg" onload='${script}'><title>evil</title><script>${script}</script></svg>`,
    );
    await writeFile(
      join(evil, "evil.xhtml"),
      `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>evil</title><script>${script}</script></head><body/></html>`,
    );
    await writeFile(join(evil, "evil.txt"), `<!doctype html><script>${script}</script>`);
    await writeFile(join(evil, "evil.js"), script);
    await using place = await serve(covey, { directory: evil, upload: true });
    const posted: string[] = [];
    for (const name of await readdir(evil)) {
      const context = await browser.newContext({ acceptDownloads: true });
      const page = await context.newPage();
      page.on("request", (request) => void (request.method() === "POST" && posted.push(name)));
      // What is not shown is downloaded, and the navigation with it given up.
      await page.goto(`${place.url}${name}`).catch(() => {});
      await page.waitForTimeout(50);
      assert.notEqual(await page.title(), "pwned", name);
      if (page.url().startsWith("http")) assert.equal(await page.evaluate("self.origin"), "null", name);
      await context.close();
    }
    assert.deepEqual(posted, []);
  });

  test("a page from elsewhere can neither upload nor read, under any name", async () => {
    await using foreign = await foreignSite(served.url);
    const before = await readdir(incoming);
    const context = await browser.newContext();
    for (const host of ["127.0.0.1", "localhost", "rebound.test"]) {
      const page = await context.newPage();
      await page.goto(`http://${host}:${foreign.port}/read`);
      await page.getByText("done").waitFor();
      const outcomes = await page.locator("li").allInnerTexts();
      assert.equal(outcomes.length, 6);
      for (const outcome of outcomes) assert.match(outcome, /^(?:failed|opaque 0)$/);
      const posted = page.waitForResponse((response) => response.request().method() === "POST");
      await page.goto(`http://${host}:${foreign.port}/form`, { waitUntil: "commit" });
      assert.equal((await posted).status(), 403, host);
    }
    // The foreign name, led to our port: the page there would be at its own origin.
    const page = await context.newPage();
    assert.equal((await page.goto(`http://rebound.test:${served.port}/`))?.status(), 421);
    await shoot(page, "rebound");
    const status = await page.evaluate(async () => {
      const data = new FormData();
      data.append("file", new File(["evil"], "evil.txt"));
      return (await fetch("/", { method: "POST", body: data })).status;
    });
    assert.equal(status, 421);
    assert.deepEqual(await readdir(incoming), before);
    await context.close();
  });

  test("a list is shown, and what became of it", async () => {
    await covey.data().set("shopping", ["milk", "<b>bread</b>"]);
    await using place = await serve(covey, { list: { key: "shopping" } });
    await onPage({ viewport: PHONE }, place.url, async (page) => {
      assert.deepEqual(await page.locator(".list li").allInnerTexts(), ["milk", "<b>bread</b>"]);
      await shoot(page, "list");
      await covey.data().set("shopping", ["eggs"]);
      await page.reload();
      assert.deepEqual(await page.locator(".list li").allInnerTexts(), ["eggs"]);
    });
  });
});

/** Waits until the progress of some upload is seen. */
async function underWay(page: Page): Promise<void> {
  await eventually(() =>
    page.locator("progress").evaluateAll((bars: { value: number }[]) => bars.some(({ value }) => value > 0 && value < 1)),
  );
}

/** Another site, on a port of its own: what it tries with `target` while somebody has it open. */
async function foreignSite(target: string): Promise<AsyncDisposable & { readonly port: number }> {
  const pages: Readonly<Record<string, string>> = {
    "/read": `<!doctype html><ol></ol><script type="module">
      const form = () => { const data = new FormData(); data.append("file", new File(["evil"], "evil.txt")); return data; };
      const tried = (url, options) => fetch(url, options).then(async (r) => r.type + " " + r.status + " " + await r.text(), () => "failed");
      const shown = new Promise((resolve) => {
        const script = Object.assign(document.createElement("script"), { src: "${target}evil.js" });
        [script.onload, script.onerror] = [() => resolve("loaded"), () => resolve("failed")];
        document.body.append(script);
      });
      const outcomes = await Promise.all([
        tried("${target}"),
        tried("${target}notes.txt", { mode: "no-cors" }),
        tried("${target}", { method: "POST", body: form() }),
        tried("${target}", { method: "POST", body: form(), mode: "no-cors" }),
        tried("${target}", { method: "POST", body: "update_data,x", mode: "no-cors" }),
        shown,
      ]);
      for (const outcome of outcomes) document.querySelector("ol").append(Object.assign(document.createElement("li"), { textContent: outcome }));
      document.body.append("done");
    </script>`,
    "/form": `<!doctype html><form method="post" enctype="multipart/form-data" action="${target}"><input name="file" value="x"></form>
      <script>document.forms[0].submit()</script>`,
  };
  const server: Server = createServer((request, response) => {
    response.setHeader("Content-Type", "text/html").end(pages[request.url ?? ""] ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
