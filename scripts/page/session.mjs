// A browser that opens the page of a network, for scripts that test the page. The arguments are those of use-page.mjs.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { PAGE_LIMIT_MS, startBrowser } from "../browser.mjs";

export const [scenario, version, folder, link, ...parameters] = process.argv.slice(2);
if (!link) {
  console.error("usage: node scripts/use-page.mjs SCENARIO VERSION FOLDER LINK [PARAMETER...]");
  process.exit(2);
}
export const origin = new URL(link).origin;
export const browser = await startBrowser(version, folder);
/** What pages do and should not do. */
export const problems = [];

/**
 * Opens a page whose console and requests are watched. `options` are those of the window. Lines of the console that
 * match `expected` are no problem.
 */
export async function open(url, options = {}, expected = undefined) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  return openIn(context, url, expected);
}

/** Opens a page in a window. */
export async function openIn(context, url, expected = undefined) {
  const page = await context.newPage();
  // The browser itself writes a line for each response with an error, which some tests ask for.
  const isExpected = (text) => /status of 40[0134]/.test(text) || expected?.test(text);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !isExpected(message.text())) problems.push(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`an error: ${error.message}`));
  page.on("request", (asked) => {
    if (!asked.url().startsWith(`${origin}/`) && !asked.url().startsWith("data:")) problems.push(`a request to ${asked.url()}`);
  });
  await page.goto(url);
  await page.locator("#status.live").waitFor();
  return page;
}

/** The text of an event stream with these events. */
export function streamOf(events) {
  return Object.entries(events).map(([kind, data]) => `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`).join("");
}

/** Opens a page that gets its events from here. `prepare` gets the page before. */
export async function openStreams(stream, url, prepare = async () => {}) {
  const context = await browser.newContext();
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const page = await context.newPage();
  await page.route("**/page/events", (route) => route.fulfill({ contentType: "text/event-stream", body: stream() }));
  await prepare(page);
  await page.goto(url);
  return page;
}

/** Opens a canister with a name, and one of its methods. Returns the form of the method. */
export async function openMethod(page, canister, name) {
  await page.locator("#subnet-list").getByRole("link", { name: canister }).click();
  const form = method(page, name);
  await form.locator("summary").click();
  return form;
}

/** A method of the opened canister. */
export function method(page, name) {
  const hasName = page.locator("summary", { has: page.getByText(name, { exact: true }) });
  return page.locator("details.method", { has: hasName });
}

/** Presses the Tab key until this element has the focus. */
export async function tabTo(page, locator) {
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press("Tab");
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`the Tab key does not reach ${locator}`);
}

const responses = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the program that started this script do something. Returns the line that it responds with. */
export async function ask(what) {
  console.log(`do: ${what}`);
  const { value, done } = await responses.next();
  assert.ok(!done, `nobody does it: ${what}`);
  return value;
}
