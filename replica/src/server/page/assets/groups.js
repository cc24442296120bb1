// The groups of calls on the page: for each a sentence, numbers, a timeline and a table.

import { element, foreign, setAttribute, setText, syncChildren } from "./dom.js";
import { forgottenMessages, hasCalls, isOpen, newestGroups } from "./store.js";
import { bandAt, draw, layout, story } from "./timeline.js";
import { count, duration, grouped, refusal } from "./words.js";
import { nameOf } from "./network.js";

/** Groups that are not on the screen are drawn when they come onto it. */
const visible = new WeakSet();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) visible.add(target);
    else visible.delete(target);
    if (isIntersecting && target.isStale) plan(target);
  }
});
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => plan(target.card)));

/** Cards to draw with the next frame. */
const waiting = new Set();
let frame = 0;

/** Draws a card with the next frame. Without news there is no frame. */
function plan(card) {
  card.isStale = true;
  waiting.add(card);
  if (frame === 0) {
    frame = requestAnimationFrame(() => {
      frame = 0;
      const cards = [...waiting];
      waiting.clear();
      cards.filter((each) => each.isConnected && visible.has(each)).forEach(paint);
    });
  }
}

/** Draws all pictures again: the colours have changed. */
export function redrawAll() {
  document.querySelectorAll("#group-list > li").forEach(plan);
}

/** Shows the groups. `changed` are those that have changed, or null for all. */
export function showGroups(changed) {
  const all = newestGroups();
  const groups = all.filter(hasCalls);
  showMessages(all.filter((group) => !hasCalls(group)));
  document.getElementById("no-calls").hidden = groups.length > 0;
  document.getElementById("legend").hidden = !groups.some((group) => group.made > 0);
  syncChildren(document.getElementById("group-list"), groups, (group) => group.key, newCard, (card, group) => {
    if (changed && !changed.has(group) && card.wasShown) return;
    card.wasShown = true;
    update(card, group);
  });
  announce(changed);
}

/** Shows the messages that make no calls: only the latest, until somebody wants to see the others. */
function showMessages(messages) {
  const [latest] = messages;
  document.getElementById("messages").hidden = !latest;
  if (!latest) return;
  setText(document.getElementById("messages-count"), count(messages.length + forgottenMessages(), "message"));
  showMessage(document.getElementById("latest-message"), latest);
  syncChildren(document.getElementById("message-list"), messages, ({ key }) => key, () => newMessage("li"), showMessage);
}

function newMessage(name) {
  return element(name, {}, foreign(""), element("span"), foreign(""), element("span"), foreign(""));
}

function showMessage(row, group) {
  if (!row.firstChild) row.append(...newMessage("span").childNodes);
  const parts = [words(group).title, " on ", nameOf(group.canister), ": ", ownOutcome(group)];
  parts.forEach((text, index) => setText(row.children[index], text));
  row.className = group.own?.outcome ?? "";
}

/** The words for a group. */
export function words(group) {
  const caller = nameOf(group.canister);
  const title = group.own ? group.own.method : "Calls of a timer, or of a message before this page was opened";
  const first = group.calls.values().next().value;
  const callee = first ? nameOf(first.callee) : group.last ? nameOf(group.last.callee) : null;
  const { open, replied, rejected, refused, unseen } = group.totals;
  const parts = [];
  if (hasCalls(group)) parts.push(`${grouped(replied)} response${replied === 1 ? "" : "s"}`);
  if (open > 0) parts.push(`${grouped(open)} open`);
  if (unseen > 0) parts.push(`end not seen of ${count(unseen, "call")}`);
  if (rejected > 0) parts.push(`${grouped(rejected)} rejected`);
  if (refused > 0) parts.push(`${grouped(refused)} refused: ${refusal(group.last.limit, nameOf(group.last.callee)).short}`);
  if (parts.length === 0) parts.push(ownOutcome(group));
  return { caller, callee, title, sentence: `${title}: ${parts.join(", ")}` };
}

function ownOutcome({ own }) {
  if (!own || own.outcome === "open") return "is being executed";
  if (own.outcome === "unseen") return "its end was not seen";
  return own.outcome === "replied" ? "replied" : `rejected: ${own.error?.message || own.error?.code || "no reason"}`;
}

/** How long nothing changes before the page says how calls ended, in milliseconds. */
const QUIET = 400;
/** Groups whose end is to be said. */
const toSay = new Set();
let saying = 0;

/** Says once, to those who listen, how the calls of a message ended. */
function announce(changed) {
  for (const group of changed ?? []) {
    if (!group.said && hasCalls(group)) toSay.add(group);
  }
  clearTimeout(saying);
  if (toSay.size > 0) saying = setTimeout(say, QUIET);
}

function say() {
  const ended = [...toSay].filter((group) => !isOpen(group));
  toSay.clear();
  if (ended.length === 0) return;
  for (const group of ended) group.said = true;
  // New elements are read aloud even if the text is that of the time before.
  const sentences = ended.map((group) => element("span", { text: `${words(group).sentence}. ` }));
  document.getElementById("announcement").replaceChildren(...sentences);
}

function newCard(group) {
  const method = foreign("");
  // The numbers below say the same to those who see them.
  const rest = element("span", { class: "unseen" });
  const title = element("h3", { id: `group-${group.serial}` }, method, rest);
  const [from, to] = [foreign(""), foreign("")];
  const arrow = element("span");
  const route = element("p", { class: "route" }, from, arrow, to);
  const why = element("p", { class: "why" });
  const figures = element("ul", { class: "figures" });
  const card = element("li", { class: "group", "aria-labelledby": title.id }, element("div", { class: "head" }, title, route), figures, why);
  card.parts = { method, rest, from, arrow, to, why, figures };
  card.group = group;
  watcher.observe(card);
  return card;
}

/** Adds the picture and the table when a group has its first call. */
function addPicture(card) {
  const canvas = element("canvas", { class: "timeline", role: "img" });
  const frame = element("div", { class: "frame" }, canvas);
  const hint = element("p", { class: "story" });
  const body = element("tbody");
  const head = element("tr", {}, ...["calls", "sent", "ended", "outcome"].map((text) => element("th", { scope: "col", text })));
  const table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The calls as a table" },
    element("table", {}, element("thead", {}, head), body));
  const details = element("details", { class: "as-table", on: { toggle: () => plan(card) } }, element("summary", { text: "The calls as a table" }), table);
  card.append(frame, hint, details);
  Object.assign(card.parts, { canvas, frame, hint, body, details });
  frame.card = card;
  sizes.observe(frame);
  canvas.addEventListener("pointermove", (event) => tell(card, event));
  canvas.addEventListener("pointerleave", () => setText(hint, resting(card)));
}

function update(card, group) {
  const { method, rest, from, arrow, to, why, figures } = card.parts;
  const { caller, callee, sentence, title } = words(group);
  setText(method, title);
  setText(rest, sentence.slice(title.length));
  setText(from, callee === null ? "" : caller);
  setText(arrow, callee === null ? "on " : " → ");
  setText(to, callee ?? caller);
  const { open, replied, rejected, refused, unseen } = group.totals;
  const outcomes = [
    [replied, replied === 1 ? "response" : "responses", "good"],
    [open, "open", "pending"],
    [unseen, "not seen to end", "pending"],
    [rejected, "rejected", "failed"],
    [refused, "refused", "failed"],
  ].filter(([number]) => number > 0);
  const total = group.made + refused;
  const all = [[total, total === 1 ? "call" : "calls", "total"], ...outcomes];
  syncChildren(figures, all, ([, word]) => word.replace(/s$/, ""), newFigure, (figure, [number, word, kind]) => {
    figure.className = kind;
    setText(figure.firstChild, grouped(number));
    setText(figure.lastChild, ` ${word}`);
  });
  setText(why, explanation(group));
  why.hidden = why.textContent === "";
  card.className = `group${isOpen(group) ? " running" : ""}`;
  if (!card.parts.canvas) addPicture(card);
  setAttribute(card.parts.canvas, "aria-label", `${sentence}. ${lengthOf(group)} The table below has the calls.`);
  plan(card);
}

function newFigure() {
  return element("li", {}, element("strong"), element("span"));
}

/** A sentence on why calls failed, and on what is not shown. */
function explanation(group) {
  const sentences = [];
  if (group.totals.refused > 0) sentences.push(refusal(group.last.limit, nameOf(group.last.callee)).why);
  if (group.thinned > 0) sentences.push(`The first ${count(group.thinned, "call")} of this message are no longer shown.`);
  if (group.totals.unseen > 0 || group.own?.outcome === "unseen") sentences.push("The connection was lost while calls were open.");
  if (group.dropped > 0) sentences.push(`${count(group.dropped, "change")} came too fast to be shown.`);
  return sentences.join(" ");
}

function paint(card) {
  const { canvas, frame, hint, body, details } = card.parts;
  if (!canvas) return;
  const width = frame.clientWidth;
  if (width < 50) return;
  card.isStale = false;
  card.plan = layout(card.group, width);
  draw(canvas, card.plan, width, nameOf);
  if (!canvas.matches(":hover")) setText(hint, resting(card));
  if (details.open) fill(body, card);
}

function lengthOf(group) {
  return group.end > group.start ? `The calls took ${duration(group.end - group.start)} of model time, the time that they take on the mainnet.` : "";
}

/** The line below a picture while no pointer is over it. */
function resting(card) {
  if (isOpen(card.group) && card.group.totals.open > 0) return "Calls are open. They are drawn up to the right edge.";
  const { perBand } = card.plan ?? {};
  const bands = perBand > 1 ? ` Each line stands for up to ${count(perBand, "call")}; short lines are drawn longer than their time.` : "";
  return `${lengthOf(card.group)}${bands}`;
}

/** The story of the calls below the pointer. */
function tell(card, event) {
  const band = card.plan && bandAt(card.plan, event.offsetY);
  if (!band) return;
  const { calls, sent, ended, outcome } = story(card.group, band, nameOf);
  setText(card.parts.hint, `Call ${calls}: sent at ${sent}, ended at ${ended}; ${outcome}`);
}

function fill(body, card) {
  const rows = card.plan.bands.slice(0, 400).map((band, index) => ({ index, ...story(card.group, band, nameOf) }));
  syncChildren(body, rows, ({ index }) => index, newRow, (row, { calls, sent, ended, outcome, bad }) => {
    row.className = bad ? "bad" : "";
    [calls, sent, ended, outcome].forEach((text, cell) => setText(row.parts[cell], text));
  });
}

function newRow() {
  const outcome = foreign("");
  const cells = ["", "", ""].map(() => element("td"));
  const row = element("tr", {}, ...cells, element("td", {}, outcome));
  row.parts = [...cells, outcome];
  return row;
}
