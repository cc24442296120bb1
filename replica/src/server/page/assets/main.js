// The page of the live network: what happens while it happens.

import { forgetMade, openCanister, reload, showFacts, showToken } from "./canister.js";
import { follow } from "./connection.js";
import { setText } from "./dom.js";
import { redrawAll, showGroups } from "./groups.js";
import { forgetLines, showLines, takeLines } from "./log.js";
import { canisterWith, isAnother, openId, showState } from "./network.js";
import { forget, loseSight, take } from "./store.js";
import { takeToken } from "./token.js";

const byId = (id) => document.getElementById(id);

/** The latest state, to show again when a canister is opened, and the module of the opened canister. */
let latest = null;
let shownModule;

takeToken();
window.addEventListener("hashchange", () => {
  if (takeToken()) showToken();
});
window.addEventListener("popstate", () => show(openId(), false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
show(openId(), false);

follow({
  opened() {
    status("live", "Live");
    byId("gone").hidden = true;
    forgetLines();
    showGroups(loseSight());
  },
  lost() {
    status("lost", "No connection");
    byId("gone").hidden = false;
  },
  state(state) {
    if (isAnother(state)) {
      forget();
      forgetMade();
      showGroups(null);
    }
    latest = state;
    showState(state, open);
    showFacts();
    showGroups(new Set());
    const module = canisterWith(openId())?.module_hash;
    if (shownModule !== undefined && module !== shownModule) reload();
    shownModule = module ?? null;
  },
  calls(data) {
    showGroups(take(data));
  },
  log: takeLines,
});

function status(kind, text) {
  byId("status").className = kind;
  setText(byId("status"), text);
}

/** Opens a canister that was chosen on the page. */
function open(id) {
  window.history.pushState(null, "", `/?id=${encodeURIComponent(id)}`);
  show(id, true);
}

function show(id, focus) {
  shownModule = undefined;
  openCanister(id, { focus });
  showLines();
  if (latest) {
    showState(latest, open);
    showFacts();
  }
  if (id === null) document.title = "Live network";
}
