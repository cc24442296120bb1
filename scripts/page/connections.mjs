// Connections of the page: hidden tabs, lost connections, a network that starts again, and a page at rest.

import assert from "node:assert/strict";
import { PAGE_LIMIT_MS } from "../browser.mjs";
import { ask, browser, link, method, open, openIn, openMethod, openStreams, origin, parameters, problems, streamOf } from "./session.mjs";

/** A browser has six connections to a server. Hidden tabs take none of them. */
export async function hiddenTabs() {
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

/**
 * After a lost connection, calls whose end was not seen do not look open. Selected text stays selected, and typed
 * arguments stay when the canister is upgraded.
 */
export async function afterAGap() {
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

/** The page keeps the calls of a network that continues, and forgets them when another network has the same address. */
export async function anotherNetwork() {
  const [id, callee] = ["mxqf3-4h777-77775-qaaaa-cai", "tqzl2-p7777-77776-aaaaa-cai"];
  let network = { id: "1111111111111111", rounds: 1 };
  const stream = () => {
    const canister = { id, name: `caller ${network.rounds}`, subnet: "s", status: "running", cycles: "1", memory_bytes: 1, controllers: [], module_hash: "00", fake: false, interface: true };
    const state = { id: network.id, profile: "p", time_nanos: "1", subnets: [{ id: "s", kind: "application", rounds: network.rounds, canisters: 1 }], canisters: [canister] };
    const call = { id: "2", message: "1", caller: id, callee, method: "ping", sent: 1, executed: 1, ended: 2, outcome: "replied", error: null, round: 1 };
    return streamOf({ state, calls: { calls: network.rounds === 1 ? [call] : [], refused: [], dropped: 0 } });
  };
  const methods = [{ name: "count", mode: "update", arguments: [], results: ["nat"], template: "()" }];
  const page = await openStreams(stream, `${origin}/?id=${id}#token=0123456789abcdef`, async (page) => {
    await page.route("**/interface", (route) => route.fulfill({ json: { candid: "service : {}", methods } }));
    await page.route("**/page/calls", (route) => route.fulfill({ json: { reply: "(1 : nat)" } }));
  });
  const group = page.locator("#group-list h3", { hasText: "1 response" });
  await group.waitFor();
  await method(page, "count").locator("summary").click();
  await method(page, "count").getByRole("button").click();
  const made = page.locator("#canister .made li", { hasText: "(1 : nat)" });
  await made.waitFor();
  const shows = (rounds) => page.locator("#canister-title", { hasText: `caller ${rounds}` }).waitFor();
  network = { ...network, rounds: 2 };
  await shows(2);
  assert.deepEqual([await group.count(), await made.count()], [1, 1]);
  // More rounds say nothing: the other network may have run for longer.
  network = { id: "2222222222222222", rounds: 3 };
  await shows(3);
  assert.deepEqual([await group.count(), await made.count()], [0, 0]);
  await page.context().close();
}

/** The network ends and starts again with its state. The page says so, goes on by itself, and shows the same canisters. */
export async function restart() {
  const page = await open(link, {}, /net::ERR_/);
  const parallel = await openMethod(page, "caller", "parallel_calls");
  await parallel.locator("textarea").fill("(3 : nat64)");
  const call = parallel.getByRole("button");
  await call.click();
  await parallel.locator(".result.reply", { hasText: "(3 : nat64)" }).waitFor();
  const calls = page.locator("#group-list h3", { hasText: "parallel_calls: 3 responses" });
  await calls.waitFor();
  const canisters = () => page.locator("#subnet-list .card").evaluateAll((cards) => cards.map((card) => card.querySelector(".head a").innerText + card.querySelector(".id").innerText));
  const before = await canisters();
  assert.equal(before.length, 2, `${before}`);
  await ask("end the network");
  await page.locator("#status.lost").waitFor();
  await page.locator("#gone").waitFor();
  await call.click();
  await parallel.locator(".result.unknown", { hasText: "No response The network is gone" }).waitFor();
  const nextLink = await ask("start the network again");
  await page.locator("#status.live").waitFor();
  await page.locator("#gone").waitFor({ state: "hidden" });
  assert.deepEqual(await canisters(), before);
  await calls.waitFor();
  assert.equal(await parallel.locator("textarea").inputValue(), "(3 : nat64)");
  // Each start has a token of its own. The page says how to get it.
  await call.click();
  await parallel.locator(".result.problem", { hasText: "open the link" }).waitFor();
  await page.goto(nextLink);
  const again = await openMethod(page, "caller", "parallel_calls");
  await again.locator("textarea").fill("(4 : nat64)");
  await again.getByRole("button").click();
  await again.locator(".result.reply", { hasText: "(4 : nat64)" }).waitFor();
  await page.locator("#group-list h3", { hasText: "parallel_calls: 4 responses" }).waitFor();
  await page.context().close();
}

/** For how long the page is at rest, in milliseconds, and after how many seconds it has to be. */
const REST_MS = 5_000;
const SETTLED_AFTER_S = 120;
/** The subnets of the network, and the most that an event with a new state changes on the page of a few canisters. */
const SUBNETS = 4;
const CHANGES_OF_AN_EVENT = 60;
const LAYOUTS_OF_AN_EVENT = 6;

/**
 * While nothing happens, neither the network nor the page has work. The network executes a round when it charges the
 * canisters for their memory, each about every ten seconds: the page shows that, and does nothing else.
 */
export async function rest() {
  const page = await open(link);
  await openMethod(page, "caller", "parallel_calls");
  const session = await page.context().newCDPSession(page);
  await Promise.all([session.send("Performance.enable"), session.send("Network.enable")]);
  const counts = { events: 0, requests: 0 };
  session.on("Network.eventSourceMessageReceived", () => (counts.events += 1));
  page.on("request", () => (counts.requests += 1));
  await page.evaluate(() => {
    window.changes = 0;
    const all = { subtree: true, childList: true, characterData: true, attributes: true };
    new MutationObserver((records) => (window.changes += records.length)).observe(document, all);
  });
  const measure = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const metric = (name) => metrics.find((each) => each.name === name).value;
    const state = await (await fetch(`${origin}/page/state`)).json();
    return {
      ...counts,
      seconds: performance.now() / 1000,
      changes: await page.evaluate(() => window.changes),
      rounds: state.subnets.reduce((sum, { rounds }) => sum + rounds, 0),
      layouts: metric("LayoutCount"),
      pageMs: 1000 * metric("TaskDuration"),
      networkMs: Number(await ask("tell the processor time of the network in milliseconds")),
    };
  };
  let before = await measure();
  // What was begun before ends first.
  for (let [settled, seconds] = [false, 0]; !settled; seconds += 1) {
    assert.ok(seconds < SETTLED_AFTER_S, `nothing comes to rest: ${JSON.stringify(before)}`);
    await page.waitForTimeout(1_000);
    const next = await measure();
    settled = ["events", "changes", "layouts"].every((name) => next[name] === before[name]);
    before = next;
  }
  await page.waitForTimeout(REST_MS);
  const after = await measure();
  const used = Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
  console.log(`at rest for ${REST_MS} ms: ${JSON.stringify(used)}`);
  const { seconds, events, requests, changes, rounds, layouts } = used;
  assert.equal(requests, 0);
  // Without a pause there would be four events in a second, and far more rounds.
  assert.ok(events <= 1 + seconds && rounds <= SUBNETS * (1 + seconds), JSON.stringify(used));
  // The numbers are not all from the same moment: there may be one more event.
  assert.ok(changes <= CHANGES_OF_AN_EVENT * (1 + events) && layouts <= LAYOUTS_OF_AN_EVENT * (1 + events), JSON.stringify(used));
  // A loop without a pause would take the whole time, not less than a fifth of it. The test's own looks are included.
  assert.ok(used.networkMs < seconds * 200 && used.pageMs < seconds * 200, JSON.stringify(used));
  await page.context().close();
}

/** The links that a deployment prints open: the page of the network at a canister, and the page of a canister. */
export async function links() {
  const [candid, website] = parameters;
  const context = await browser.newContext();
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(`an error: ${error.message}`));
  await page.goto(candid);
  assert.equal(new URL(page.url()).origin, origin);
  await page.locator("#canister-title", { hasText: "callee" }).waitFor();
  await method(page, "ping").waitFor();
  await page.goto(website);
  await page.getByRole("heading", { name: "A page of a canister" }).waitFor();
  assert.equal(new URL(page.url()).host, new URL(website).host);
  // The page of a canister is one of another origin.
  const read = await page.evaluate((url) => fetch(url).then((response) => response.text()).catch(() => ""), `${origin}/page/state`);
  assert.equal(read, "", "the page of a canister reads the state of the network");
  const tampered = await page.goto(new URL("/tampered", website).href);
  assert.equal(tampered.status(), 503);
  await page.getByText("its certificate does not prove that the canister made it").waitFor();
  await context.close();
}
