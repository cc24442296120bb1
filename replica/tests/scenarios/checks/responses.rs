//! Check: every call gets exactly one response.

use crate::run::Run;
use embedded_replica::trace::{CallId, Drop, Event, Responder, Work};
use std::collections::BTreeMap;

/// What was seen of one call.
#[derive(Debug, Default)]
struct Call {
    sent: bool,
    best_effort: bool,
    /// Responses made, with their reject codes: by the callee or for it, and because of the deadline.
    made: Vec<Option<u8>>,
    expired: usize,
    returned: usize,
    executed: Vec<Option<u8>>,
    requests_dropped: usize,
    responses_dropped: usize,
}

pub fn check(run: &Run) -> Vec<String> {
    let mut calls: BTreeMap<CallId, Call> = BTreeMap::new();
    for event in run.ticks.iter().flat_map(|tick| &tick.events) {
        match event {
            Event::Sent { call, deadline, .. } => {
                let call = calls.entry(*call).or_default();
                (call.sent, call.best_effort) = (true, deadline.is_some());
            }
            Event::Responded { call, by: Responder::Deadline, .. } => {
                calls.entry(*call).or_default().expired += 1;
            }
            Event::Responded { call, reject, .. } => {
                calls.entry(*call).or_default().made.push(reject.map(|code| code as u8));
            }
            Event::Returned { call } => calls.entry(*call).or_default().returned += 1,
            Event::Executed { work: Work::Response { call, reject, .. }, .. } => {
                calls.entry(*call).or_default().executed.push(reject.map(|code| code as u8));
            }
            Event::Dropped { call, what: Drop::Request, .. } => {
                calls.entry(*call).or_default().requests_dropped += 1;
            }
            Event::Dropped { call, .. } => calls.entry(*call).or_default().responses_dropped += 1,
            _ => {}
        }
    }
    let wrong = calls.iter().filter_map(|(id, call)| Some((id, wrong(call)?)));
    wrong.map(|(id, what)| format!("{what}: {id:?} {call:?}", call = calls[id])).collect()
}

const SYS_UNKNOWN: u8 = 6;

/// What is wrong with a call.
fn wrong(call: &Call) -> Option<&'static str> {
    let lost = call.requests_dropped + call.responses_dropped;
    let answered = call.made.len() + call.requests_dropped;
    match call {
        Call { sent: false, .. } => Some("a call that nobody made was seen"),
        Call { best_effort: false, .. } if lost + call.expired > 0 => {
            Some("a message of an unbounded-wait call was dropped")
        }
        _ if answered != 1 => Some("a request was not answered exactly once"),
        _ if call.executed.len() != 1 => Some("not exactly one response was executed"),
        _ if call.returned != 1 => Some("not exactly one response came back"),
        _ if call.expired > 1 => Some("a call expired twice"),
        Call { expired: 1, .. } if call.executed != [Some(SYS_UNKNOWN)] => {
            Some("a call that had expired got another response")
        }
        Call { expired: 1, .. } if lost != 1 => {
            Some("what became of a call that had expired is not known")
        }
        Call { expired: 0, .. } if call.executed != call.made => {
            Some("the response that was executed is not the one that was made")
        }
        _ => None,
    }
}
