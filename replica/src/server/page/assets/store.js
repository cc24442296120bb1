// What the page knows about calls: bounded, in groups. A group holds the calls of one message, such as that of a user.

/** How many groups of each kind, calls of a group and blocks of refused calls the page keeps. The oldest ones go. */
export const GROUPS_MOST = 30;
export const CALLS_MOST = 4000;
const REFUSED_MOST = 400;

/** The groups, by key, and for each call that is kept its group. */
const groups = new Map();
const places = new Map();
let serial = 0;
/** How many groups without calls were forgotten. */
let forgotten = 0;

/** Forgets everything: the network is another one. */
export function forget() {
  groups.clear();
  places.clear();
  forgotten = 0;
}

/** The groups, the newest first. */
export function newestGroups() {
  return [...groups.values()].sort((one, other) => other.serial - one.serial);
}

/**
 * Notes that a connection is new: calls that ended before are known only if the network sends them again. Returns the
 * groups that have changed.
 */
export function loseSight() {
  const changed = new Set();
  for (const group of groups.values()) {
    const open = [...group.calls.values(), group.own].filter((call) => call?.outcome === "open");
    for (const call of open) {
      if (call !== group.own) recount(group, call.outcome, "unseen");
      call.outcome = "unseen";
      changed.add(group);
    }
  }
  return changed;
}

/** Takes the data of an event. Returns the groups that have changed. */
export function take({ calls = [], refused = [], dropped = 0 }) {
  const changed = new Set();
  for (const call of calls) changed.add(takeCall(call));
  for (const block of refused) changed.add(takeRefused(block));
  const newest = newestGroups()[0];
  if (dropped > 0 && newest) {
    newest.dropped += dropped;
    changed.add(newest);
  }
  forgetOldest();
  changed.delete(undefined);
  return changed;
}

function takeCall(call) {
  const known = places.get(call.id);
  if (known) {
    const old = known.calls.get(call.id) ?? (known.own?.id === call.id ? known.own : null);
    if (!old) return undefined;
    if (old !== known.own) recount(known, old.outcome, call.outcome);
    Object.assign(old, call);
    note(known, call.sent, call.executed, call.ended);
    return known;
  }
  if (call.ingress) {
    const group = groupOf(call.id, call.callee);
    group.own = call;
    places.set(call.id, group);
    note(group, call.executed, call.ended);
    return group;
  }
  const group = groupOf(call.message ?? guess(call.caller, call.sent), call.caller);
  group.calls.set(call.id, call);
  group.totals[call.outcome] += 1;
  group.made += 1;
  places.set(call.id, group);
  note(group, call.sent, call.executed, call.ended);
  if (group.calls.size > CALLS_MOST) thin(group);
  return group;
}

function recount({ totals }, before, after) {
  totals[before] -= 1;
  totals[after] += 1;
}

function takeRefused(block) {
  const group = groupOf(block.message ?? guess(block.caller, block.at), block.caller);
  // After a new connection, the network sends the latest blocks again.
  const known = group.refused.find(({ id }) => id === block.id);
  group.totals.refused += block.calls - (known?.calls ?? 0);
  if (known) Object.assign(known, block);
  else group.refused.push((group.last = { ...block }));
  if (group.refused.length > REFUSED_MOST) group.refused.shift();
  note(group, block.at);
  return group;
}

/** The message that a canister executed at this time, if the network does not say which message made a call. */
function guess(caller, at) {
  const fits = ({ own }) => own?.callee === caller && (own.executed ?? own.sent) <= at && (own.ended ?? Infinity) >= at;
  return newestGroups().find(fits)?.key ?? `of ${caller}`;
}

function groupOf(key, canister) {
  let group = groups.get(key);
  if (!group) {
    serial += 1;
    group = {
      key,
      serial,
      /** The canister that makes the calls. */
      canister,
      /** The user's message, if the calls are those of one. */
      own: null,
      calls: new Map(),
      refused: [],
      /** How many calls have which outcome. `unseen`: the connection was lost while the call was open. */
      totals: { open: 0, replied: 0, rejected: 0, refused: 0, unseen: 0 },
      /** How many calls were made, how many of them are no longer kept, and how many the network left out. */
      made: 0,
      thinned: 0,
      dropped: 0,
      start: Infinity,
      end: -Infinity,
    };
    groups.set(key, group);
  }
  return group;
}

/** Notes times of a group: they are the ends of its picture. */
function note(group, ...times) {
  for (const time of times) {
    if (typeof time !== "number") continue;
    group.start = Math.min(group.start, time);
    group.end = Math.max(group.end, time);
  }
}

/** Forgets a part of the oldest calls of a group, those that have ended first. Their numbers stay. */
function thin(group) {
  const calls = [...group.calls.values()];
  const [ended, open] = [calls.filter(({ outcome }) => outcome !== "open"), calls.filter(({ outcome }) => outcome === "open")];
  const old = [...ended, ...open].slice(0, CALLS_MOST / 4);
  for (const call of old) {
    if (call.outcome === "open") recount(group, "open", "unseen");
    group.calls.delete(call.id);
    places.delete(call.id);
  }
  group.thinned += old.length;
  group.start = Math.min(...[...group.calls.values()].map((call) => call.sent));
}

/** Whether a group has calls between canisters. */
export function hasCalls(group) {
  return group.made + group.totals.refused > 0;
}

/** How many groups without calls the page no longer keeps. */
export function forgottenMessages() {
  return forgotten;
}

function forgetOldest() {
  const newest = newestGroups();
  // Many messages without calls do not push out those with calls.
  const kinds = [newest.filter(hasCalls), newest.filter((group) => !hasCalls(group))];
  for (const group of kinds.flatMap((kind) => kind.slice(GROUPS_MOST))) {
    if (!hasCalls(group)) forgotten += 1;
    for (const id of group.calls.keys()) places.delete(id);
    if (group.own) places.delete(group.own.id);
    groups.delete(group.key);
  }
}

/** The calls of a group, and the blocks of refused ones, in the order in which they were made. */
export function itemsOf(group) {
  const calls = [...group.calls.values()].map((call) => ({ call, at: call.sent }));
  const blocks = group.refused.map((refused) => ({ refused, at: refused.at }));
  return [...calls, ...blocks].sort((one, other) => one.at - other.at);
}

/** Whether something of a group is still to come. */
export function isOpen(group) {
  return group.totals.open > 0 || group.own?.outcome === "open";
}
