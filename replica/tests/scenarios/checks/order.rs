//! Check: messages from one canister to another arrive in the order in which they were sent.

use crate::run::Run;
use candid::Principal;
use embedded_replica::trace::{CallId, Event, Responder, Work};
use std::collections::{BTreeMap, VecDeque};

/// What passes between one caller and one callee, in one direction.
type Queues = BTreeMap<(Principal, Principal), VecDeque<CallId>>;

pub fn check(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut callees: BTreeMap<CallId, Principal> = BTreeMap::new();
    let [mut sent, mut inducted, mut responded, mut returned] = [const { Queues::new() }; 4];
    for event in run.ticks.iter().flat_map(|tick| &tick.events) {
        let call = match event {
            Event::Sent { call, callee, .. } => {
                callees.insert(*call, callee.principal());
                *call
            }
            Event::Inducted { call }
            | Event::Returned { call }
            | Event::Responded { call, by: Responder::Callee, .. }
            | Event::Executed { work: Work::Request(call) | Work::Response { call, .. }, .. } => {
                *call
            }
            _ => continue,
        };
        // One principal may stand for the management canisters of several subnets.
        let Some(callee) = callees.get(&call).filter(|id| run.ids.canisters.contains(id)) else {
            continue;
        };
        let pair = (call.caller.principal(), *callee);
        let passed = match event {
            Event::Sent { .. } => pass(None, &mut sent, pair, call),
            Event::Inducted { .. } => pass(Some(&mut sent), &mut inducted, pair, call),
            Event::Executed { work: Work::Request(_), .. } => take(&mut inducted, pair, call),
            Event::Responded { .. } => pass(None, &mut responded, pair, call),
            // Rejects made elsewhere come by other ways.
            Event::Returned { .. } => {
                let by_callee = responded.get(&pair).is_some_and(|calls| calls.contains(&call));
                let source = by_callee.then_some(&mut responded);
                pass(source, &mut returned, pair, call)
            }
            _ => take(&mut returned, pair, call),
        };
        if !passed {
            wrong.push(format!("{event:?} overtook what was sent before it"));
        }
    }
    wrong
}

/// Moves a call on; whether nothing that was passed over comes later shows then.
fn pass(
    source: Option<&mut Queues>,
    to: &mut Queues,
    pair: (Principal, Principal),
    call: CallId,
) -> bool {
    let passed = source.is_none_or(|source| take(source, pair, call));
    to.entry(pair).or_default().push_back(call);
    passed
}

/// Takes a call out, and with it those before, which must not come any more: they were dropped.
fn take(queues: &mut Queues, pair: (Principal, Principal), call: CallId) -> bool {
    let queue = queues.entry(pair).or_default();
    let Some(at) = queue.iter().position(|waiting| *waiting == call) else { return false };
    queue.drain(..=at);
    true
}
