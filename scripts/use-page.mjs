// Uses the page of a live network: node scripts/use-page.mjs VERSION FOLDER LINK [PICTURE.png]
//
// LINK is the link that the network has printed. The canisters caller and callee are deployed there. Fails with the
// first thing that is not as it should be. With PICTURE.png, writes a picture of the page. VERSION and FOLDER are those
// of `playwright-core`, as in open-in-browser.mjs. Exits with status 69 if the package or a browser cannot be had.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { PAGE_LIMIT_MS, startBrowser } from "./browser.mjs";

const [version, folder, link, picture] = process.argv.slice(2);
if (!link) {
  console.error("usage: node scripts/use-page.mjs VERSION FOLDER LINK [PICTURE.png]");
  process.exit(2);
}
const origin = new URL(link).origin;
const browser = await startBrowser(version, folder);
const problems = [];
const tests = [
  keyboard, equalRuns, shortCalls, wrongArguments, withoutToken, wrongTokens, hiddenTabs, hostileLog, hostileTexts, afterAGap, narrowAndDark,
  others, otherOrigin,
];
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
  return openIn(context, url, prepare);
}

async function openIn(context, url, prepare = async () => {}) {
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
  await parallel.locator(".result.reply pre").getByText("(500 : nat64)").waitFor();
  // Only a line of a response is read aloud, not all of it.
  assert.equal(await parallel.getByRole("status").locator("pre").count(), 0);
  const group = page.locator("#group-list > li", { hasText: "1,500 refused" }).first();
  await group.getByText("500 responses, 1,500 refused: no free slot to callee").waitFor();
  await group.locator("canvas[aria-label*='1,500 refused']").waitFor();
  await page.locator("#announcement", { hasText: "parallel_calls: 500 responses, 1,500 refused" }).waitFor({ state: "attached" });
  // The picture is not empty. It is drawn when it comes onto the screen.
  await group.locator("canvas").scrollIntoViewIfNeeded();
  await page.waitForFunction((canvas) => canvas.height > 150, await group.locator("canvas").elementHandle());
  const colours = await group.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(colours > 5, "nothing is drawn");
  const table = group.locator("summary", { hasText: "The calls as a table" });
  await tabTo(page, table);
  await page.keyboard.press("Enter");
  await group.locator("tbody tr.bad", { hasText: "501 to 2,000" }).waitFor();
  await page.keyboard.press("Enter");
  await group.locator("tbody").waitFor({ state: "hidden" });
  if (picture) {
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: picture });
  }
  await page.context().close();
}

/** A second run with the same result is announced, too. */
async function equalRuns() {
  const page = await open(link);
  await page.locator("#subnet-list").getByRole("link", { name: "caller" }).click();
  const parallel = method(page, "parallel_calls");
  await parallel.locator("summary").click();
  await parallel.locator("textarea").fill("(3 : nat64)");
  for (let run = 0; run < 2; run += 1) {
    await parallel.getByRole("button", { name: "Call" }).click();
    const announced = page.locator("#announcement > :not([data-seen])", { hasText: "parallel_calls: 3 responses" });
    await announced.waitFor({ state: "attached" });
    await announced.evaluate((element) => element.setAttribute("data-seen", ""));
  }
  await page.context().close();
}

/** Calls that take almost no time beside the message that makes them are wide enough to be seen. */
async function shortCalls() {
  const [id, callee] = ["mxqf3-4h777-77775-qaaaa-cai", "tqzl2-p7777-77776-aaaaa-cai"];
  const message = { id: "m", message: "m", ingress: true, caller: "a", callee: id, method: "parallel_calls", sent: 0, executed: 1, ended: 60000, outcome: "replied", error: null, round: 1 };
  const made = Array.from({ length: 500 }, (_, index) => (
    { ...message, id: `${index}`, ingress: false, caller: id, callee, method: "ping", sent: 1, executed: 1.1, ended: 1.2 }
  ));
  const refused = [{ id: "r", message: "m", caller: id, callee, at: 1, limit: "500 open calls", calls: 1500 }];
  const stream = streamOf({ calls: { calls: [message, ...made], refused, dropped: 0 } });
  const page = await openStreams(() => stream, `${origin}/`);
  await page.locator("#group-list canvas[aria-label*='500 responses, 1,500 refused']").waitFor();
  const width = await page.locator("#group-list canvas").evaluate((canvas) => {
    // Where the calls with a response are: in the first quarter. All else there is grey.
    const { data } = canvas.getContext("2d").getImageData(0, 40, canvas.width, 1);
    const isColoured = ([red, green, blue, alpha]) => alpha > 128 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
    return Array.from({ length: canvas.width }, (_, x) => data.slice(4 * x, 4 * x + 4)).filter(isColoured).length;
  });
  assert.ok(width >= 20, `the calls with a response are ${width} pixels wide`);
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

/**
 * Links with wrong tokens, which any page can have, do not take the right one away, and a refusal for another reason
 * neither.
 */
async function wrongTokens() {
  const page = await open(link);
  await page.locator("#subnet-list").getByRole("link", { name: "callee" }).click();
  const ping = method(page, "ping");
  const call = ping.getByRole("button", { name: "Call" });
  const replies = async () => {
    await call.click();
    await ping.locator(".result.reply").waitFor();
  };
  await ping.locator("summary").click();
  await replies();
  for (let link = 0; link < 20; link += 1) await page.goto(`${origin}/#token=wrong-${link}-wrong`);
  await page.reload();
  await page.locator("#subnet-list").getByRole("link", { name: "callee" }).click();
  await ping.locator("summary").click();
  await Promise.all([page.waitForResponse((response) => response.status() === 401), replies()]);
  await page.route("**/page/calls", (route) => route.fulfill({ status: 403, body: "not from here" }));
  await call.click();
  await ping.locator(".result.problem", { hasText: "not from here" }).waitFor();
  await page.unroute("**/page/calls");
  await replies();
  await page.context().close();
}

/** A browser has six connections to a server. Hidden tabs take none of them. */
async function hiddenTabs() {
  const context = await browser.newContext();
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const setVisibility = (page, visibility) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, visibility);
  const pages = [];
  for (let tab = 0; tab < 8; tab += 1) {
    pages.push(await openIn(context, link));
    await setVisibility(pages[tab], "hidden");
  }
  const [first] = pages;
  await Promise.all([first.waitForRequest(`${origin}/page/events`), setVisibility(first, "visible")]);
  await first.locator("#status.live").waitFor();
  await context.close();
}

/** The text that a real canister prints is shown as text, and stays selected when the next line comes. */
async function hostileLog() {
  const markup = "<script>window.isHacked = true</script><img src=x onerror='window.isHacked = true'>";
  const created = await management("provisional_create_canister_with_cycles", "(record { amount = opt (10_000_000_000_000 : nat) })");
  const [id] = /[a-z0-9]{5}(-[a-z0-9]{3,5})+/.exec(created);
  const bytes = [...printer(markup)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
  await management("install_code", `(record { mode = variant { install }; canister_id = principal "${id}"; wasm_module = blob "${bytes}"; arg = blob "" })`);
  const page = await open(`${origin}/?id=${id}`);
  const lines = page.locator("#lines .text", { hasText: markup });
  await lines.first().waitFor();
  await lines.first().evaluate((element) => getSelection().selectAllChildren(element));
  await make(id, "print", "()");
  await lines.nth(1).waitFor();
  assert.equal(await page.evaluate(() => getSelection().toString()), markup);
  assert.equal(await page.evaluate(() => window.isHacked), undefined);
  assert.equal(await page.locator("img, main script").count(), 0);
  await page.context().close();
}

/** Makes a call as the page does. Returns the reply. */
async function make(canister, method, args) {
  const body = JSON.stringify({ canister, method, arguments: args, sender: "2vxsx-fae", query: false });
  const headers = { "content-type": "application/json", "x-page-token": new URL(link).hash.slice("#token=".length) };
  const response = await fetch(`${origin}/page/calls`, { method: "POST", headers, body });
  const text = await response.text();
  assert.ok(response.ok && "reply" in JSON.parse(text), text);
  return JSON.parse(text).reply;
}

function management(method, args) {
  return make("aaaaa-aa", method, args);
}

/** The module of a canister that prints a text when it is installed, and at each call of its method `print`. */
function printer(text) {
  const bytes = Buffer.from(text);
  // Numbers in the encodings of Wasm: these are below 8,192, with two bytes each.
  const number = (value) => [(value & 127) | 128, value >> 7];
  const vector = (items) => [...number(items.length), ...items];
  const name = (letters) => vector([...Buffer.from(letters)]);
  const section = (id, count, ...content) => [id, ...vector([count, ...content.flat()])];
  const print = [0, 0x41, 0, 0x41, ...number(bytes.length), 0x10, 0];
  const [END, CALL_REPLY] = [[0x0b], [0x10, 1]];
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, [0x60, 2, 0x7f, 0x7f, 0], [0x60, 0, 0]),
    ...section(2, 2, name("ic0"), name("debug_print"), [0, 0], name("ic0"), name("msg_reply"), [0, 1]),
    ...section(3, 2, [1, 1]),
    ...section(5, 1, [0, 1]),
    ...section(7, 2, name("canister_init"), [0, 2], name("canister_update print"), [0, 3]),
    ...section(10, 2, vector([...print, ...END]), vector([...print, ...CALL_REPLY, ...END])),
    ...section(11, 1, [0, 0x41, 0, 0x0b], vector([...bytes])),
  ]);
}

/** The text of an event stream with these events. */
function streamOf(events) {
  return Object.entries(events).map(([kind, data]) => `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`).join("");
}

/** Opens a page that gets its events from here. `prepare` gets the page before. */
async function openStreams(stream, url, prepare = async () => {}) {
  const context = await browser.newContext();
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const page = await context.newPage();
  await page.route("**/page/events", (route) => route.fulfill({ contentType: "text/event-stream", body: stream() }));
  await prepare(page);
  await page.goto(url);
  return page;
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
  const methods = [{ name: markup, mode: "query", description: markup, arguments: [markup], results: [markup], template: markup }];
  const page = await openStreams(() => streamOf(events), `${origin}/?id=${id}#token=0123456789abcdef`, async (page) => {
    await page.route("**/interface", (route) => route.fulfill({ json: { candid: markup, methods } }));
    await page.route("**/page/calls", (route) => route.fulfill({ json: { reject: { code: 4, error_code: markup, message: markup } } }));
  });
  await page.locator("#lines .text", { hasText: "<script>" }).waitFor();
  await page.locator("#group-list h3", { hasText: "<script>" }).waitFor();
  await page.locator("details.method summary").click();
  await page.locator("details.method button").click();
  await page.locator(".result.reject", { hasText: "<script>" }).waitFor();
  assert.equal(await page.evaluate(() => window.isHacked), undefined);
  assert.equal(await page.locator("img, main script").count(), 0);
  await page.context().close();
}

/**
 * After a lost connection, calls whose end was not seen do not look open. Selected text stays selected, and typed
 * arguments stay when the canister is upgraded.
 */
async function afterAGap() {
  const [id, callee] = ["mxqf3-4h777-77775-qaaaa-cai", "tqzl2-p7777-77776-aaaaa-cai"];
  const streams = ["00", "01"].map((module_hash, index) => {
    const canister = { id, name: "caller", subnet: "s", status: "running", cycles: "1", memory_bytes: 1, controllers: [], module_hash, fake: false, interface: true };
    const state = { profile: "p", time_nanos: "1", subnets: [{ id: "s", kind: "application", rounds: 1 + index, canisters: 1 }], canisters: [canister] };
    const call = { id: "2", message: "1", caller: id, callee, method: "ping", sent: 1, executed: null, ended: null, outcome: "open", error: null, round: 1 };
    return streamOf({ state, calls: { calls: index === 0 ? [call] : [], refused: [], dropped: 0 } });
  });
  let isUpgraded = false;
  const methodOf = (name, results, template) => ({ name, mode: "update", arguments: ["nat"], results, template });
  const page = await openStreams(() => streams[isUpgraded ? 1 : 0], `${origin}/?id=${id}`, (page) =>
    page.route("**/interface", (route) => {
      const methods = isUpgraded
        ? [methodOf("same", ["text"], "(0 : nat)"), methodOf("other", [], '("")')]
        : [methodOf("same", [], "(0 : nat)"), methodOf("other", [], "(0 : nat)")];
      return route.fulfill({ json: { candid: "service : {}", methods } });
    }),
  );
  const group = page.locator("#group-list > li");
  await group.locator("h3", { hasText: "0 responses, 1 open" }).waitFor();
  for (const name of ["same", "other"]) {
    await method(page, name).locator("summary").click();
    await method(page, name).locator("textarea").fill("(7 : nat)");
  }
  await group.getByText("The calls as a table").click();
  await group.locator("tbody tr", { hasText: "open" }).evaluate((row) => getSelection().selectAllChildren(row.firstElementChild));
  await page.locator("#canister-title bdi").evaluate((name) => (name.isSame = true));
  isUpgraded = true;
  await method(page, "same").getByText("(nat) → (text)").waitFor();
  assert.equal(await method(page, "same").locator("textarea").inputValue(), "(7 : nat)");
  assert.equal(await method(page, "other").locator("textarea").inputValue(), '("")');
  await group.locator("h3", { hasText: "end not seen of 1 call" }).waitFor();
  await group.locator("tbody tr", { hasText: "end not seen" }).waitFor();
  assert.equal(await page.locator("#group-list > li.running").count(), 0);
  assert.equal(await page.evaluate(() => getSelection().toString()), "1");
  assert.equal(await page.locator("#canister-title bdi").evaluate((name) => name.isSame), true);
  // Forms stay when the network is gone.
  await page.route("**/interface", (route) => route.abort());
  isUpgraded = false;
  await page.waitForRequest("**/interface");
  await page.waitForRequest("**/page/events");
  assert.equal(await method(page, "same").locator("textarea").inputValue(), "(7 : nat)");
  await page.context().close();
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

/** A real page of another origin can neither read the page's data, nor make calls, nor show the page in a frame. */
async function otherOrigin() {
  const html = `<!DOCTYPE html><link rel="icon" href="data:,"><title>another origin</title><iframe src="${origin}/"></iframe>`;
  const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const context = await browser.newContext();
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  try {
    const page = await context.newPage();
    const framed = page.waitForResponse(`${origin}/`);
    await page.goto(`http://localhost:${server.address().port}/`);
    assert.equal((await framed).status(), 403, "a frame gets the page");
    const token = new URL(link).hash.slice("#token=".length);
    const headers = { "content-type": "application/json", "x-page-token": token };
    const attempts = [
      ["/page/state", {}],
      ["/page/state", { mode: "no-cors" }],
      ["/page/calls", { method: "POST", headers, body: "{}" }],
      ["/page/calls", { method: "POST", mode: "no-cors", body: "{}" }],
    ];
    for (const [path, options] of attempts) {
      const url = `${origin}${path}`;
      const isIt = (asked) => asked.url() === url && asked.method() !== "OPTIONS";
      const ended = Promise.race([
        page.waitForResponse((response) => isIt(response.request())).then((response) => response.status()),
        // The browser does not even give the response to the page.
        page.waitForEvent("requestfailed", isIt).then(() => "failed"),
      ]);
      const read = page.evaluate(([url, how]) => fetch(url, how).then((response) => response.text()).catch(() => ""), [url, options]);
      assert.equal(await read, "", `another origin reads ${path}`);
      assert.ok([403, "failed"].includes(await ended), `another origin gets a response from ${path}`);
    }
  } finally {
    await context.close();
    server.close();
  }
}
