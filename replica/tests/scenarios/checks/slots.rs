//! Check: open calls, and nothing else, take queue slots and callbacks.

use crate::run::{Run, State, Tick};
use candid::Principal;
use embedded_replica::trace::{CallId, Event, Work};
use std::collections::BTreeMap;

const CAPACITY: usize = 500;

/// Open calls by caller and callee.
type Open = BTreeMap<(Principal, Principal), usize>;

/// Calls that were made and whose callbacks have not begun, at the end of each tick.
fn open_calls(run: &Run, mut each: impl FnMut(usize, &Tick, &Open)) {
    let mut callees: BTreeMap<CallId, Principal> = BTreeMap::new();
    let mut open = Open::new();
    for (number, tick) in run.ticks.iter().enumerate() {
        for event in &tick.events {
            match event {
                Event::Sent { call, callee, .. } => {
                    callees.insert(*call, callee.principal());
                    *open.entry((call.caller.principal(), callee.principal())).or_default() += 1;
                }
                Event::Executed { work: Work::Response { call, .. }, .. } => {
                    let caller = call.caller.principal();
                    let callee = callees.get(call).copied().unwrap_or(caller);
                    let count = open.entry((caller, callee)).or_default();
                    *count = count.saturating_sub(1);
                }
                _ => {}
            }
        }
        // Callbacks that are not over have begun all the same.
        let begun: Vec<_> = run
            .paused(number)
            .filter_map(|(id, work)| match work {
                Work::Response { call, .. } => Some((id, callees.get(&call).copied()?)),
                _ => None,
            })
            .collect();
        begun.iter().for_each(|pair| *open.entry(*pair).or_default() -= 1);
        each(number, tick, &open);
        begun.iter().for_each(|pair| *open.entry(*pair).or_default() += 1);
    }
}

pub fn check(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    open_calls(run, |number, tick, open| {
        for ((caller, callee), count) in open {
            let Some(state) = tick.states.get(caller) else { continue };
            let free = state.free_slots.get(callee).copied().unwrap_or(CAPACITY);
            if count + free != CAPACITY {
                wrong.push(format!(
                    "after tick {number} {caller} has {count} open calls to {callee} and {free} slots"
                ));
            }
        }
    });
    let rest = run.ticks.last().into_iter().flat_map(|tick| &tick.states);
    for (id, State { free_slots, .. }) in rest {
        if free_slots.values().any(|free| *free != CAPACITY) {
            wrong.push(format!("in the end {id} still has taken slots: {free_slots:?}"));
        }
    }
    wrong
}

/// A canister has as many callbacks as open calls, and in the end no call context.
pub fn check_contexts(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    open_calls(run, |number, tick, open| {
        for (id, state) in &tick.states {
            let calls: usize =
                open.iter().filter(|((caller, _), _)| caller == id).map(|(_, count)| count).sum();
            if state.open_callbacks != calls {
                let callbacks = state.open_callbacks;
                wrong.push(format!(
                    "after tick {number} {id} has {callbacks} callbacks for {calls} open calls"
                ));
            }
            if calls > 0 && !state.has_open_contexts {
                wrong.push(format!("after tick {number} {id} makes calls on behalf of nobody"));
            }
        }
    });
    let rest = run.ticks.last().into_iter().flat_map(|tick| &tick.states);
    for (id, state) in rest {
        if state.has_open_contexts {
            wrong.push(format!("in the end {id} still has open call contexts"));
        }
    }
    wrong
}
