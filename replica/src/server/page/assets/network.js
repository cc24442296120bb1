// The subnets with their rounds, and their canisters.

import { element, foreign, setAttribute, setText, syncChildren } from "./dom.js";
import { bytes, count, shortId, trillions } from "./words.js";

const byId = (id) => document.getElementById(id);

/** The latest state, or null. */
let state = null;

/** The canister with this id, as in the latest state. */
export function canisterWith(id) {
  return state?.canisters.find((canister) => canister.id === id) ?? null;
}

/** The name of a canister, or its shortened id. */
export function nameOf(id) {
  if (id === "aaaaa-aa") return "the management canister";
  return canisterWith(id)?.name ?? shortId(id);
}

/** Whether the new state is that of another network, or that of an earlier moment: then, rounds are missing. */
export function isAnother(next) {
  if (!state) return false;
  if (state.id !== next.id) return true;
  const rounds = new Map(next.subnets.map((subnet) => [subnet.id, subnet.rounds]));
  return state.subnets.some(({ id, rounds: known }) => (rounds.get(id) ?? -1) < known);
}

/** Shows a state. `open` opens a canister. */
export function showState(next, open) {
  state = next;
  const rounds = { "pocket-ic": ": rounds as fast as possible", mainnet: ": rounds as long as on the mainnet" };
  setText(byId("facts"), `Profile ${next.profile}${rounds[next.profile] ?? ""}`);
  const of = (subnet) => next.canisters.filter((canister) => canister.subnet === subnet.id);
  const isOther = (subnet) => ["nns", "ii"].includes(subnet.kind.toLowerCase()) || isSystem(subnet);
  const hasOwn = (subnet) => of(subnet).some((canister) => !canister.fake);
  const own = next.subnets.filter((subnet) => hasOwn(subnet) || !isOther(subnet));
  const others = next.subnets.filter((subnet) => !own.includes(subnet));
  const numberOf = (subnet) => own.indexOf(subnet) + 1;
  showSubnets(byId("subnet-list"), own, of, open, numberOf);
  showSubnets(byId("other-list"), others, of, open, () => 0);
  const fakes = next.canisters.filter((canister) => canister.fake).length;
  byId("others").hidden = others.length === 0;
  setText(
    byId("others-summary"),
    `${count(others.length, "system subnet")}${fakes > 0 ? ` with ${count(fakes, "fake canister")} (ledgers for the command line tools)` : ""}`,
  );
  byId("no-canisters").hidden = next.canisters.some((canister) => !canister.fake);
}

/** Whether a subnet belongs to the network itself: the NNS subnet and that of Internet Identity. */
function isSystem({ kind }) {
  return /nervous|nns|internet.?identity/i.test(kind);
}

function showSubnets(list, subnets, of, open, numberOf) {
  syncChildren(list, subnets, (subnet) => subnet.id, newSubnet, (box, subnet) => {
    const number = numberOf(subnet);
    setText(box.parts.title, number > 0 ? `Subnet ${number}` : subnet.kind);
    setText(box.parts.kind, number > 0 ? subnet.kind : "");
    setText(box.parts.rounds, count(subnet.rounds, "round"));
    const canisters = of(subnet);
    box.parts.empty.hidden = canisters.length > 0;
    syncChildren(box.parts.canisters, canisters, ({ id }) => id, (canister) => newCanister(canister, open), updateCanister);
  });
}

function newSubnet(subnet) {
  const title = element("h3");
  const kind = element("span", { class: "kind" });
  const rounds = element("span", { class: "rounds" });
  const canisters = element("ul", { class: "canisters" });
  const empty = element("p", { class: "empty", text: "no canister" });
  const id = element("code", { class: "id", text: subnet.id, title: "The id of the subnet" });
  const box = element("li", { class: "subnet" }, element("div", { class: "head" }, title, kind, rounds), id, canisters, empty);
  box.parts = { title, kind, rounds, canisters, empty };
  return box;
}

function newCanister({ id }, open) {
  const name = foreign("", "span", { class: "name" });
  const link = element("a", {
    href: `/?id=${encodeURIComponent(id)}`,
    on: {
      click: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        open(id);
      },
    },
  }, name);
  const status = element("span", { class: "status" });
  const fact = (label) => {
    const value = element("dd");
    return [element("div", {}, element("dt", { text: label }), value), value];
  };
  const [cyclesRow, cycles] = fact("cycles");
  const [memoryRow, memory] = fact("memory");
  const [controllersRow, controllers] = fact("controllers");
  const card = element(
    "li",
    { class: "card" },
    element("div", { class: "head" }, link, status),
    element("code", { class: "id", text: id }),
    element("dl", {}, cyclesRow, memoryRow, controllersRow),
  );
  card.parts = { link, name, status, cycles, memory, controllers };
  return card;
}

function updateCanister(card, canister) {
  const { link, name, status, cycles, memory, controllers } = card.parts;
  setText(name, canister.name ?? shortId(canister.id));
  setText(status, canister.fake ? "fake" : canister.status);
  status.className = `status ${canister.fake ? "fake" : canister.status}`;
  setText(cycles, canister.fake ? "–" : trillions(canister.cycles));
  setText(memory, canister.fake ? "–" : bytes(canister.memory_bytes));
  setText(controllers, canister.controllers.map(shortId).join(", ") || "none");
  setAttribute(controllers, "title", canister.controllers.join("\n") || null);
  setAttribute(link, "aria-current", openId() === canister.id ? "true" : null);
}

/** The id of the canister that the address names, or null. */
export function openId() {
  return new URLSearchParams(location.search).get("id");
}
