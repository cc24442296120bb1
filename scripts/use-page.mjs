// Uses the page of a live network: node scripts/use-page.mjs VERSION FOLDER LINK [PICTURE.png]
//
// LINK is the link that the network has printed. The canisters caller and callee are deployed there. Fails with the
// first thing that is not as it should be. With PICTURE.png, writes a picture of the page. VERSION and FOLDER are those
// of `playwright-core`, as in open-in-browser.mjs. Exits with status 69 if the package or a browser cannot be had.

import assert from "node:assert/strict";
import { request } from "node:http";
import { PAGE_LIMIT_MS, startBrowser } from "./browser.mjs";

const [version, folder, link, picture] = process.argv.slice(2);
if (!link) {
  console.error("usage: node scripts/use-page.mjs VERSION FOLDER LINK [PICTURE.png]");
  process.exit(2);
}
const origin = new URL(link).origin;
const browser = await startBrowser(version, folder);
const problems = [];
const tests = [keyboard, wrongArguments, withoutToken, wrongTokens, hostileTexts, narrowAndDark, others];
try {
  for (const test of tests) {
    await test();
    console.log(`done: ${test.name}`);
  }
} finally {
  await browser.close();
}
assert.deepEqual(problems, []);

/** Opens a page whose console and requests are watched. */
async function open(url, options = {}, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const page = await context.newPage();
  // The browser itself writes a line for each response with an error, which some tests ask for.
  const isOwn = (text) => !/status of 40[0134]/.test(text);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && isOwn(message.text())) problems.push(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`an error: ${error.message}`));
  page.on("request", (asked) => {
    if (!asked.url().startsWith(`${origin}/`) && !asked.url().startsWith("data:")) problems.push(`a request to ${asked.url()}`);
  });
  await prepare(page);
  await page.goto(url);
  await page.locator("#status.live").waitFor();
  return page;
}

/** Presses the Tab key until this element has the focus. */
async function tabTo(page, locator) {
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press("Tab");
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`the Tab key does not reach ${locator}`);
}

function method(page, name) {
  const hasName = page.locator("summary", { has: page.getByText(name, { exact: true }) });
  return page.locator("details.method", { has: hasName });
}

/** Makes 2,000 parallel calls with the keyboard alone: 500 get a response, 1,500 are refused. */
async function keyboard() {
  const page = await open(link);
  assert.equal(await page.evaluate(() => location.hash), "", "the token stays in the address");
  const caller = page.locator("#subnet-list").getByRole("link", { name: "caller" });
  await page.locator("#subnet-list").getByRole("link", { name: "callee" }).waitFor();
  await tabTo(page, caller);
  await page.keyboard.press("Enter");
  const parallel = method(page, "parallel_calls");
  await parallel.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "canister-title");
  await tabTo(page, parallel.locator("summary"));
  await page.keyboard.press("Enter");
  await tabTo(page, parallel.locator("textarea"));
  assert.equal(await parallel.locator("textarea").inputValue(), "(0 : nat64)");
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("(2000 : nat64)");
  await tabTo(page, parallel.getByRole("button"));
  const outline = await parallel.getByRole("button").evaluate((button) => getComputedStyle(button).outlineStyle);
  assert.notEqual(outline, "none", "the focus cannot be seen");
  await page.keyboard.press("Enter");
  await parallel.locator(".result.reply").getByText("(500 : nat64)").waitFor();
  const group = page.locator("#group-list > li", { hasText: "1,500 refused" }).first();
  await group.getByText("500 responses, 1,500 refused: no free slot to callee").waitFor();
  await group.locator("canvas[aria-label*='1,500 refused']").waitFor();
  await page.locator("#announcement", { hasText: "parallel_calls: 500 responses, 1,500 refused" }).waitFor({ state: "attached" });
  // The picture is not empty.
  const colours = await group.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(colours > 5, "nothing is drawn");
  await group.getByText("The calls as a table").click();
  await group.locator("tbody tr.bad", { hasText: "501 to 2,000" }).waitFor();
  await group.getByText("The calls as a table").click();
  if (picture) {
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: picture });
  }
  await page.context().close();
}

/** Wrong arguments are refused with their place, and a reject is shown with its code. */
async function wrongArguments() {
  const page = await open(link);
  await page.locator("#subnet-list").getByRole("link", { name: "caller" }).click();
  const parallel = method(page, "parallel_calls");
  await parallel.locator("summary").click();
  await parallel.locator("textarea").fill("(2000 : nat64,\n  ten)");
  await parallel.getByRole("button").click();
  await parallel.locator(".result.problem", { hasText: "line 2, column 3" }).waitFor();
  await page.locator("#sender").selectOption("another principal…");
  await page.locator("#other-sender").fill("aaaaa-aa");
  await parallel.locator("textarea").fill("(1)");
  await parallel.getByRole("button").click();
  await parallel.locator(".result.reject", { hasText: "reject code" }).waitFor();
  await page.context().close();
}

/** Without the token, the page can be read, and says where the link is. */
async function withoutToken() {
  const page = await open(`${origin}/`);
  await page.locator("#subnet-list").getByRole("link", { name: "callee" }).click();
  const ping = method(page, "ping");
  await ping.locator("summary").click();
  assert.equal(await ping.getByRole("button").getAttribute("aria-disabled"), "true");
  await ping.locator("textarea").press("Control+Enter");
  await ping.locator(".result.problem", { hasText: "open the link" }).waitFor();
  await page.context().close();
}

/** Links with wrong tokens, which any page can have, do not push out the right one. */
async function wrongTokens() {
  const page = await open(link);
  await page.locator("#subnet-list").getByRole("link", { name: "callee" }).click();
  const ping = method(page, "ping");
  await ping.locator("summary").click();
  const replies = async () => {
    await ping.getByRole("button").click();
    await ping.locator(".result.reply").waitFor();
  };
  await replies();
  for (let link = 0; link < 20; link += 1) await page.goto(`${origin}/#token=wrong-${link}-wrong`);
  await page.reload();
  await page.locator("#subnet-list").getByRole("link", { name: "callee" }).click();
  await ping.locator("summary").click();
  await replies();
  await page.context().close();
}

/** Markup in logs, names, methods and rejects is shown as text. */
async function hostileTexts() {
  const markup = "<script>window.isHacked = true</script><img src=x onerror='window.isHacked = true'>";
  const id = "mxqf3-4h777-77775-qaaaa-cai";
  const state = {
    profile: markup,
    time_nanos: "1",
    subnets: [{ id: "s", kind: markup, rounds: 1, canisters: 1 }],
    canisters: [{ id, name: markup, subnet: "s", status: "running", cycles: "1", memory_bytes: 1, controllers: [markup], module_hash: "00", fake: false, interface: true }],
  };
  const call = { id: "1", message: "1", ingress: true, caller: "a", callee: id, method: markup, sent: 1, executed: 1, ended: 1, outcome: "rejected", error: { code: markup, message: markup }, round: 1 };
  const events = { state, log: { lines: [{ canister: id, index: 0, time_nanos: "1000000000", text: markup }], dropped: 0 }, calls: { calls: [call], refused: [], dropped: 0 } };
  const stream = Object.entries(events).map(([kind, data]) => `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`).join("");
  const methods = [{ name: markup, mode: "query", description: markup, arguments: [markup], results: [markup], template: markup }];
  const context = await browser.newContext();
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const page = await context.newPage();
  await page.route("**/page/events", (route) => route.fulfill({ contentType: "text/event-stream", body: stream }));
  await page.route("**/interface", (route) => route.fulfill({ json: { candid: markup, methods } }));
  await page.route("**/page/calls", (route) => route.fulfill({ json: { reject: { code: 4, error_code: markup, message: markup } } }));
  await page.goto(`${origin}/?id=${id}#token=0123456789abcdef`);
  await page.locator("#lines .text", { hasText: "<script>" }).waitFor();
  await page.locator("#group-list h3", { hasText: "<script>" }).waitFor();
  await page.locator("details.method summary").click();
  await page.locator("details.method button").click();
  await page.locator(".result.reject", { hasText: "<script>" }).waitFor();
  assert.equal(await page.evaluate(() => window.isHacked), undefined);
  assert.equal(await page.locator("img, main script").count(), 0);
  await context.close();
}

/** No part of the page is wider than a narrow screen, in both colour schemes. */
async function narrowAndDark() {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 1280]) {
      const page = await open(link, { colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" });
      await page.locator("#subnet-list").getByRole("link", { name: "caller" }).click();
      await method(page, "run").locator("summary").click();
      await page.locator("#group-list canvas").first().waitFor({ state: "attached" });
      const [content, screen] = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return [scrollWidth, clientWidth];
      });
      assert.ok(content <= screen, `the page has ${content} pixels on a screen of ${screen}`);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground, colorScheme === "dark" ? "rgb(13, 17, 23)" : "rgb(244, 246, 248)");
      await page.context().close();
    }
  }
}

/** Other origins, other host names and requests without the token are refused. */
async function others() {
  const body = JSON.stringify({ canister: "aaaaa-aa", method: "raw_rand", arguments: "()", sender: "2vxsx-fae", query: false });
  assert.equal(await status("GET", "/page/state", {}), 200);
  assert.equal(await status("GET", "/page/state", { origin: "http://evil.example" }), 403);
  assert.equal(await status("GET", "/page/state", { host: "evil.example" }), 403);
  assert.equal(await status("GET", "/page/state", { "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await status("POST", "/page/calls", {}, body), 401);
  assert.equal(await status("POST", "/page/calls", { "x-page-token": "0123456789abcdef" }, body), 401);
}

function status(method, path, headers, body) {
  return new Promise((done, failed) => {
    const sent = request(`${origin}${path}`, { method, headers }, (response) => {
      response.resume();
      done(response.statusCode);
    });
    sent.on("error", failed);
    sent.end(body);
  });
}
