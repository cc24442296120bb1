// What people do with the page: they watch and make calls, with the keyboard alone, on narrow screens, in the dark.

import assert from "node:assert/strict";
import { link, method, open, openMethod, openStreams, origin, parameters, streamOf, tabTo } from "./session.mjs";

/** Makes 2,000 parallel calls with the keyboard alone: 500 get a response, 1,500 are refused. */
export async function keyboard() {
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
  await page.context().close();
}

/** A second run with the same result is announced, too. */
export async function equalRuns() {
  const page = await open(link);
  const parallel = await openMethod(page, "caller", "parallel_calls");
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
export async function shortCalls() {
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

/** Messages without calls take one line together, and do not push out those with calls. */
export async function manyMessages() {
  const [id, callee] = ["mxqf3-4h777-77775-qaaaa-cai", "tqzl2-p7777-77776-aaaaa-cai"];
  const first = { id: "m", message: "m", ingress: true, caller: "a", callee: id, method: "run", sent: 0, executed: 0, ended: 9, outcome: "replied", error: null, round: 1 };
  const made = { ...first, id: "c", ingress: false, caller: id, callee, method: "ping" };
  const alone = Array.from({ length: 100 }, (_, index) => ({ ...first, id: `p${index}`, message: `p${index}`, callee, method: "ping" }));
  const stream = streamOf({ calls: { calls: [first, made, ...alone], refused: [], dropped: 0 } });
  const page = await openStreams(() => stream, `${origin}/`);
  const summary = page.locator("#messages summary", { hasText: "100 messages without calls" });
  await summary.getByText("ping on tqzl2…cai: replied").waitFor();
  assert.equal(await page.locator("#group-list > li").count(), 1);
  await page.locator("#group-list h3", { hasText: "run: 1 response" }).waitFor();
  assert.ok((await page.locator("#messages").boundingBox()).height < 60, "the messages fill the page");
  await summary.click();
  await page.locator("#message-list li", { hasText: "ping" }).first().waitFor();
  await page.context().close();
}

/** Wrong arguments are refused with their place, and a reject is shown with its code. */
export async function wrongArguments() {
  const page = await open(link);
  const parallel = await openMethod(page, "caller", "parallel_calls");
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

/** No part of the page is wider than a narrow screen, in both colour schemes. */
export async function narrowAndDark() {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 1280]) {
      const page = await open(link, { colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" });
      await openMethod(page, "caller", "run");
      await page.locator("#group-list canvas").first().waitFor({ state: "attached" });
      const [content, screen] = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return [scrollWidth, clientWidth];
      });
      assert.ok(content <= screen, `the page has ${content} pixels on a screen of ${screen}`);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground, colorScheme === "dark" ? "rgb(13, 17, 23)" : "rgb(244, 246, 248)");
      assert.deepEqual(await page.evaluate(faintTexts), []);
      await page.context().close();
    }
  }
}

/** The texts of a page with less contrast than WCAG 2.2 asks for (success criterion 1.4.3). Runs in the page. */
function faintTexts() {
  const LEAST = 4.5;
  const parts = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const groundOf = (element) => {
    const ground = parts(getComputedStyle(element).backgroundColor);
    return ground[3] === 0 ? groundOf(element.parentElement) : ground;
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
  const texts = [...document.body.querySelectorAll("*")].filter((element) => hasText(element) && element.checkVisibility());
  const contrast = (element) => {
    const [one, other] = [parts(getComputedStyle(element).color), groundOf(element)].map(luminance);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  return texts.filter((element) => contrast(element) < LEAST).map((element) => `${element.textContent}: ${contrast(element).toFixed(1)}`);
}

/** How often the page may fail to see calls before they end: the machine may be busy. */
const ATTEMPTS = 5;

/** Makes 2,000 parallel calls and watches them while they run: 500 are open, later they have a response. */
export async function follow() {
  const [picture] = parameters;
  const page = await open(link);
  const parallel = await openMethod(page, "caller", "parallel_calls");
  await parallel.locator("textarea").fill("(2000 : nat64)");
  // All that the page ever says about the calls of the newest card, in order.
  await page.evaluate(() => {
    window.said = [];
    const list = document.getElementById("group-list");
    new MutationObserver(() => {
      const card = list.firstElementChild;
      if (!card) return;
      const title = card.querySelector("h3");
      const figures = card.querySelector(".figures").innerText.replace(/\s+/g, " ");
      const next = { id: title.id, sentence: title.textContent, figures, isRunning: card.classList.contains("running") };
      if (JSON.stringify(next) !== JSON.stringify(window.said.at(-1))) window.said.push(next);
    }).observe(list, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  let wasSeen = false;
  for (let attempt = 0; attempt < ATTEMPTS && !wasSeen; attempt += 1) {
    const earlier = await page.evaluate(() => document.querySelector("#group-list h3")?.id);
    await parallel.getByRole("button").click();
    await parallel.getByRole("button", { name: "Call", exact: true }).waitFor();
    await parallel.locator(".result.reply pre", { hasText: "(500 : nat64)" }).waitFor();
    await page.waitForFunction((earlier) => {
      const { id, sentence, isRunning } = window.said.at(-1) ?? {};
      return id !== earlier && !isRunning && sentence?.startsWith("parallel_calls: 500 responses, 1,500 refused");
    }, earlier);
    const said = (await page.evaluate(() => window.said)).filter(({ id }) => id !== earlier);
    const open = said.map(({ sentence }) => Number(/([\d,]+) open/.exec(sentence)?.[1] ?? 0));
    assert.ok(Math.max(...open) <= 500, `more calls are open than can be: ${JSON.stringify(said)}`);
    // Calls are open first, and the others refused at once. The responses come later.
    const [first, last] = [said.find((_, index) => open[index] > 0), said.at(-1)];
    wasSeen = first !== undefined;
    if (wasSeen) {
      assert.ok(first.isRunning && !last.isRunning, JSON.stringify(said));
      assert.match(first.sentence, /^parallel_calls: \d+ responses?, \d+ open, 1,500 refused/);
      assert.match(first.figures, /open 1,500 refused$/);
    }
    assert.match(last.figures, /500 responses 1,500 refused$/);
  }
  assert.ok(wasSeen, `the page shows no open calls in ${ATTEMPTS} runs`);
  if (picture) {
    // As narrow as the page has two columns: the picture is to be small.
    await page.setViewportSize({ width: 1010, height: 904 });
    await page.evaluate(() => scrollTo(0, 0));
    await page.waitForTimeout(1_000);
    await page.screenshot({ path: picture });
  }
  await page.context().close();
}
