// What canisters print.

import { element, foreign, setText } from "./dom.js";
import { nameOf, openId } from "./network.js";

/** How many lines the page keeps, and how much of each. The oldest lines go. */
const LINES_MOST = 500;
const LINE_MOST = 4000;

let lines = [];

/** Forgets all lines: the network sends the stored ones again. */
export function forgetLines() {
  lines = [];
  showLines();
}

/** Takes the data of an event. */
export function takeLines({ lines: news = [] }) {
  lines.push(...news);
  const gone = lines.length > LINES_MOST;
  if (gone) lines = lines.slice(-LINES_MOST);
  showLines();
}

/** Shows the lines of the opened canister, or of all canisters. */
export function showLines() {
  const list = document.getElementById("lines");
  const opened = openId();
  const shown = opened === null ? lines : lines.filter(({ canister }) => canister === opened);
  setText(document.getElementById("log-title"), opened === null ? "Log of all canisters" : `Log of ${nameOf(opened)}`);
  setText(
    document.getElementById("no-lines"),
    opened === null ? "Canisters have printed nothing yet." : "This canister has printed nothing yet.",
  );
  document.getElementById("no-lines").hidden = shown.length > 0;
  list.hidden = shown.length === 0;
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
  // Lines that are shown stay where they are, so that selected text stays selected.
  const wanted = new Set(shown);
  for (const child of [...list.children]) if (!wanted.has(child.line)) child.remove();
  let next = list.firstElementChild;
  for (const line of shown) {
    if (next?.line === line) next = next.nextElementSibling;
    else list.insertBefore(newLine(line), next);
  }
  for (const child of list.children) setText(child.firstChild.nextSibling, opened === null ? nameOf(child.line.canister) : "");
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

function newLine(line) {
  const time = new Date(Number(BigInt(line.time_nanos) / 1_000_000n)).toISOString().slice(11, 23);
  const text = line.text.length > LINE_MOST ? `${line.text.slice(0, LINE_MOST)}…` : line.text;
  const item = element("li", {}, element("time", { text: time }), foreign("", "span", { class: "who" }), foreign(text, "span", { class: "text" }));
  item.line = line;
  return item;
}
