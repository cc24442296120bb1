// The opened canister: its facts, its methods, calls, and what came of them.

import { element, foreign, setText, syncChildren } from "./dom.js";
import { canisterWith, nameOf } from "./network.js";
import { acceptToken, forgetToken, token } from "./token.js";
import { bytes, grouped, shortId, shortened, trillions } from "./words.js";

const ANONYMOUS = "2vxsx-fae";
/** How many calls and how much text of each the page keeps. */
const CALLS_KEPT = 50;
const TEXT_KEPT = 20000;
/** How much of a response is read aloud at once. */
const SAID_MOST = 200;
/** The status of the response to a wrong token. */
const UNAUTHORIZED = 401;
const WHERE_THE_LINK_IS =
  "To make calls, open the link that make serve (or embedded-replica serve) printed in the terminal. It has the token that calls need.";

const section = () => document.getElementById("canister");

/** The opened canister, and the parts of the page that change with the state. */
let opened = null;
let parts = null;

/** Calls that were made from the page, the newest first. */
const history = [];
let serial = 0;

/** Opens a canister, or closes the opened one if `id` is null. */
export function openCanister(id, { focus }) {
  opened = id;
  parts = null;
  section().hidden = id === null;
  document.getElementById("no-canister").hidden = id !== null;
  section().replaceChildren();
  if (id === null) return;
  build(id);
  showFacts();
  readMethods(id);
  if (focus) parts.title.focus();
}

function build(id) {
  const name = foreign("");
  const title = element("h2", { id: "canister-title", tabindex: "-1" }, name);
  const facts = element("dl", { class: "facts" });
  const sender = newSender();
  const methods = element("div", { class: "methods", "aria-live": "off" });
  const note = element("p", { class: "notice small", id: "no-token", text: WHERE_THE_LINK_IS });
  const made = element("ol", { class: "made" });
  const madeTitle = element("h3", { text: "Calls made here" });
  section().append(
    title,
    element("code", { class: "id", text: id }),
    facts,
    element("h3", { text: "Methods" }),
    note,
    sender.field,
    methods,
    madeTitle,
    made,
  );
  parts = { title, name, facts, sender, methods, note, made, madeTitle };
  showMethods([{ key: "reading", make: () => element("p", { class: "hint", text: "Reading the interface…" }) }]);
  showHistory();
}

/** Shows or hides what belongs to a page without the token. */
export function showToken() {
  if (!parts) return;
  const has = token() !== null;
  parts.note.hidden = has;
  for (const button of section().querySelectorAll("button.call")) {
    button.setAttribute("aria-disabled", String(!has));
    if (has) button.removeAttribute("aria-describedby");
    else button.setAttribute("aria-describedby", "no-token");
  }
}

/** The choice of the sender: anonymous, a controller, or any principal. */
function newSender() {
  const select = element("select", { id: "sender" });
  const other = element("input", { id: "other-sender", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "a principal, such as aaaaa-aa" });
  const otherField = element("div", { hidden: true }, element("label", { for: "other-sender", text: "Principal" }), other);
  select.addEventListener("change", () => (otherField.hidden = select.value !== ""));
  const field = element(
    "fieldset",
    { class: "sender" },
    element("legend", { text: "Sender" }),
    element("label", { for: "sender", text: "Who calls" }),
    select,
    otherField,
    element("p", { class: "hint", text: "Without a signature: choosing any sender works on this test network only." }),
  );
  return { field, select, other, otherField, controllers: null };
}

function showSenders(sender, controllers) {
  const key = controllers.join();
  if (sender.controllers === key) return;
  const isFirst = sender.controllers === null;
  const chosen = sender.select.value;
  sender.controllers = key;
  const people = controllers.filter((id) => !canisterWith(id));
  const known = [ANONYMOUS, ...controllers.filter((id) => id !== ANONYMOUS)];
  const label = (id) => (id === ANONYMOUS ? `anonymous (${id})` : `controller ${canisterWith(id) ? nameOf(id) : shortId(id)}`);
  sender.select.replaceChildren(
    ...known.map((id) => element("option", { value: id, text: label(id) })),
    element("option", { value: "", text: "another principal…" }),
  );
  // Methods are often for controllers only.
  sender.select.value = isFirst ? (people[0] ?? ANONYMOUS) : known.includes(chosen) || chosen === "" ? chosen : ANONYMOUS;
  sender.otherField.hidden = sender.select.value !== "";
}

function chosenSender({ select, other }) {
  return select.value === "" ? other.value.trim() : select.value;
}

/** Shows the facts of the opened canister, from the latest state. */
export function showFacts() {
  if (!parts) return;
  const canister = canisterWith(opened);
  setText(parts.name, canister?.name ?? shortId(opened));
  document.title = `${canister?.name ?? shortId(opened)} – Live network`;
  showSenders(parts.sender, canister?.controllers ?? []);
  const facts = canister
    ? [
        ["status", canister.fake ? "a fake canister of this network" : canister.status],
        ["cycles", canister.fake ? "–" : `${trillions(canister.cycles)} (${grouped(canister.cycles)})`],
        ["memory", canister.fake ? "–" : bytes(canister.memory_bytes)],
        ["subnet", canister.subnet],
        ["controllers", canister.controllers.join(" ") || "none"],
        ["module hash", canister.module_hash ?? "no module"],
      ]
    : [["status", "There is no canister with this id on this network (yet)."]];
  syncChildren(parts.facts, facts, ([name]) => name, newFact, (row, [, value]) => setText(row.lastChild, value));
}

function newFact([name]) {
  return element("div", {}, element("dt", { text: name }), element("dd"));
}

/** The sentence of a response that is no success. */
async function problemOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).message ?? text;
  } catch {
    return text || `the network responds with status ${response.status}`;
  }
}

async function readMethods(id) {
  const asking = parts;
  let shown;
  try {
    const response = await fetch(`/page/canisters/${encodeURIComponent(id)}/interface`);
    shown = response.ok
      ? methodsOf(id, await response.json())
      : [withoutInterface(await problemOf(response)), { key: "free call", make: () => freeCall(id) }];
  } catch {
    // Methods that are known stay: their forms may have typed text.
    if (asking.hasMethods) return;
    shown = [withoutInterface("The network does not respond.")];
  }
  if (parts !== asking) return;
  parts.hasMethods = true;
  showMethods(shown);
}

/**
 * Shows a list of `key`, `make` and perhaps `update`. What has the same key as before stays the same element, with the
 * text that was typed.
 */
function showMethods(list) {
  syncChildren(parts.methods, list, ({ key }) => key, ({ make }) => make(), (child, { update }) => update?.(child));
  showToken();
}

/** Reads the interface again: the canister may have other code. */
export function reload() {
  if (opened !== null && parts) readMethods(opened);
}

function withoutInterface(why) {
  return { key: `why ${why}`, make: () => element("p", { class: "hint" }, foreign(why)) };
}

function methodsOf(id, { candid, methods }) {
  const list = methods.map((method) => ({
    // Arguments fit as long as the name and the template are the same.
    key: `method ${method.name} ${method.template}`,
    make: () => newMethod(id, method),
    update: (card) => updateMethod(card, method),
  }));
  const source = { key: "source", make: newSource, update: (details) => setText(details.lastChild.firstChild, candid) };
  return [...(list.length > 0 ? list : [withoutInterface("The interface has no methods.")]), source];
}

function newSource() {
  return element("details", { class: "source" }, element("summary", { text: "The interface as Candid text" }),
    element("pre", { tabindex: "0", dir: "auto" }, element("code")));
}

function newMethod(id, { name, template }) {
  const mode = element("span");
  const description = foreign("", "p", { class: "description" });
  const signature = foreign("", "code", { class: "signature" });
  const form = newForm(id, () => name, newArguments(template ?? "()"), () => card.isQuery);
  const card = element(
    "details",
    { class: "method" },
    element("summary", {}, foreign(name, "bdi", { class: "method-name" }), mode),
    element("div", { class: "body" },
      description,
      signature,
      template === null ? element("p", { class: "hint", text: "There is no template for these types." }) : null,
      form),
  );
  card.parts = { mode, description, signature };
  return card;
}

function updateMethod(card, method) {
  const { mode, description, signature } = card.parts;
  card.isQuery = method.mode.endsWith("query");
  mode.className = `mode ${method.mode}`;
  setText(mode, method.mode.replace("_", " "));
  setText(description, method.description ?? "");
  description.hidden = !method.description;
  const results = method.mode === "oneway" ? "" : ` → (${method.results.join(", ")})`;
  setText(signature, `(${method.arguments.join(", ")})${results}`);
}

let fields = 0;

/** The field for arguments, as large as its text. */
function newArguments(template) {
  fields += 1;
  const area = element("textarea", { id: `arguments-${fields}`, spellcheck: "false", autocomplete: "off", rows: String(Math.min(12, template.split("\n").length + 1)) });
  area.value = template;
  return area;
}

function newForm(id, methodName, area, isQuery) {
  const button = element("button", { type: "submit", class: "call", text: "Call" });
  const output = element("div", { class: "result" }, element("p", { role: "status" }), foreign("", "pre", { tabindex: "0", hidden: true }));
  const form = element("form", {},
    element("label", { for: area.id, text: "Arguments (Candid text)" }), area,
    element("div", { class: "row" }, button, element("span", { class: "hint keys", text: "or Ctrl+Enter" })), output);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make(id, methodName(), area.value, isQuery(), button, output);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  return form;
}

/** Calls of a canister without an interface: with any name of a method. */
function freeCall(id) {
  const name = element("input", { id: "free-method", type: "text", autocomplete: "off", spellcheck: "false" });
  const query = element("input", { id: "free-query", type: "checkbox" });
  const form = newForm(id, () => name.value.trim(), newArguments("()"), () => query.checked);
  form.prepend(
    element("label", { for: "free-method", text: "Method" }),
    name,
    element("div", { class: "row" }, query, element("label", { for: "free-query", text: "as a query" })),
  );
  return form;
}

/** Makes a call and shows its response. */
async function make(canister, method, args, query, button, output) {
  if (token() === null) {
    show(output, "problem", WHERE_THE_LINK_IS);
    return;
  }
  if (button.isBusy) return;
  button.isBusy = true;
  setText(button, "Waiting for the response…");
  const call = { serial: (serial += 1), canister, method, arguments: args, kind: "pending", text: "waiting for the response…" };
  remember(call);
  const body = { canister, method, arguments: args, sender: chosenSender(parts.sender), query };
  [call.kind, call.text] = await respond(body);
  button.isBusy = false;
  setText(button, "Call");
  show(output, call.kind, call.text);
  showHistory();
}

async function respond(body) {
  try {
    const own = token();
    const response = await fetch("/page/calls", {
      method: "POST",
      headers: { "content-type": "application/json", "x-page-token": own },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      const problem = await problemOf(response);
      if (response.status !== UNAUTHORIZED) return ["problem", problem];
      forgetToken(own);
      // The token before may be the right one. A refused call was not made.
      if (token() !== null) return respond(body);
      showToken();
      return ["problem", `${problem} ${WHERE_THE_LINK_IS}`];
    }
    acceptToken(own);
    const { reply, note, raw, reject } = await response.json();
    if (reject) return ["reject", `${reject.error_code} (reject code ${reject.code}): ${shortened(reject.message, TEXT_KEPT)}`];
    const shown = reply ?? shortened(raw, 400);
    return ["reply", shortened(shown, TEXT_KEPT) + (note ? `\n(${note})` : "")];
  } catch {
    return ["unknown", "The network is gone, or did not respond. Whether the call was executed is unknown."];
  }
}

function show(output, kind, text) {
  const word = { reply: "Reply", reject: "Rejected", problem: "Not made", unknown: "No response" }[kind] ?? "";
  output.className = `result ${kind}`;
  const [said, full] = output.children;
  // Only the first line is read aloud. New elements are read aloud even if the text is that of the call before.
  const first = shortened(text.split("\n", 1)[0], SAID_MOST);
  said.replaceChildren(element("strong", { text: word }), foreign(` ${first}`, "span", { class: "unseen" }));
  full.hidden = false;
  setText(full, text);
}

/** Forgets the calls that were made here: the network is another one. */
export function forgetMade() {
  history.length = 0;
  showHistory();
}

function remember(call) {
  history.unshift(call);
  history.length = Math.min(history.length, CALLS_KEPT);
  showHistory();
}

function showHistory() {
  if (!parts) return;
  const own = history.filter((call) => call.canister === opened);
  parts.madeTitle.hidden = own.length === 0;
  syncChildren(parts.made, own, (call) => call.serial, newEntry, (entry, call) => {
    entry.className = call.kind;
    setText(entry.lastChild, call.text);
  });
}

function newEntry(call) {
  const args = shortened(call.arguments.replace(/\s+/g, " "), 200);
  return element("li", {}, foreign(`${call.method}${args}`, "code"), " ", foreign("", "span", { class: "outcome" }));
}
