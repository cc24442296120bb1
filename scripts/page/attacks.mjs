// What others try: markup in texts, links with wrong tokens, pages of other origins.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { PAGE_LIMIT_MS } from "../browser.mjs";
import { browser, link, open, openMethod, openStreams, origin, streamOf } from "./session.mjs";

/** Without the token, the page can be read, and says where the link is. */
export async function withoutToken() {
  const page = await open(`${origin}/`);
  const ping = await openMethod(page, "callee", "ping");
  assert.equal(await ping.getByRole("button").getAttribute("aria-disabled"), "true");
  await ping.locator("textarea").press("Control+Enter");
  await ping.locator(".result.problem", { hasText: "open the link" }).waitFor();
  await page.context().close();
}

/**
 * Links with wrong tokens, which any page can have, do not take the right one away, and a refusal for another reason
 * neither.
 */
export async function wrongTokens() {
  const page = await open(link);
  const ping = await openMethod(page, "callee", "ping");
  const call = ping.getByRole("button", { name: "Call" });
  const replies = async () => {
    await call.click();
    await ping.locator(".result.reply").waitFor();
  };
  await replies();
  for (let link = 0; link < 20; link += 1) await page.goto(`${origin}/#token=wrong-${link}-wrong`);
  await page.reload();
  await openMethod(page, "callee", "ping");
  await Promise.all([page.waitForResponse((response) => response.status() === 401), replies()]);
  await page.route("**/page/calls", (route) => route.fulfill({ status: 403, body: "not from here" }));
  await call.click();
  await ping.locator(".result.problem", { hasText: "not from here" }).waitFor();
  await page.unroute("**/page/calls");
  await replies();
  await page.context().close();
}

/** The text that a real canister prints is shown as text, and stays selected when the next line comes. */
export async function hostileLog() {
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

/** Markup in logs, names, methods and rejects is shown as text. */
export async function hostileTexts() {
  const markup = "<script>window.isHacked = true</script><img src=x onerror='window.isHacked = true'>";
  const id = "mxqf3-4h777-77775-qaaaa-cai";
  const state = {
    profile: markup,
    time_nanos: "1",
    subnets: [{ id: "s", kind: markup, rounds: 1, canisters: 1 }],
    canisters: [{ id, name: markup, subnet: "s", status: "running", cycles: "1", memory_bytes: 1, controllers: [markup], module_hash: "00", fake: false, interface: true }],
  };
  const call = { id: "1", message: "1", ingress: true, caller: "a", callee: id, method: markup, sent: 1, executed: 1, ended: 1, outcome: "rejected", error: { code: markup, message: markup }, round: 1 };
  // A message with a call to another canister, and one without.
  const made = { ...call, id: "2", ingress: false, caller: id };
  const alone = { ...call, id: "3", message: "3" };
  const events = { state, log: { lines: [{ canister: id, index: 0, time_nanos: "1000000000", text: markup }], dropped: 0 }, calls: { calls: [call, made, alone], refused: [], dropped: 0 } };
  const methods = [{ name: markup, mode: "query", description: markup, arguments: [markup], results: [markup], template: markup }];
  const page = await openStreams(() => streamOf(events), `${origin}/?id=${id}#token=0123456789abcdef`, async (page) => {
    await page.route("**/interface", (route) => route.fulfill({ json: { candid: markup, methods } }));
    await page.route("**/page/calls", (route) => route.fulfill({ json: { reject: { code: 4, error_code: markup, message: markup } } }));
  });
  await page.locator("#lines .text", { hasText: "<script>" }).waitFor();
  await page.locator("#group-list h3", { hasText: "<script>" }).waitFor();
  await page.locator("#latest-message", { hasText: "<script>" }).waitFor();
  await page.locator("details.method summary").click();
  await page.locator("details.method button").click();
  await page.locator(".result.reject", { hasText: "<script>" }).waitFor();
  assert.equal(await page.evaluate(() => window.isHacked), undefined);
  assert.equal(await page.locator("img, main script").count(), 0);
  await page.context().close();
}

/** Other origins, other host names and requests without the token are refused. */
export async function others() {
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
export async function otherOrigin() {
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
