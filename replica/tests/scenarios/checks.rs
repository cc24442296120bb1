//! What must hold of every network, checked on what could be seen of it. Nothing here knows how the
//! replica is built, nor what the scenario was.

mod cycles;
mod order;
mod responses;
mod slots;

use crate::run::Run;

/// What is wrong, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub checker: &'static str,
    pub text: String,
}

/// Says what is wrong with what was seen.
type Checker = fn(&Run) -> Vec<String>;

const CHECKERS: [(&str, Checker); 6] = [
    ("responses", responses::check),
    ("order", order::check),
    ("slots", slots::check),
    ("cycles", cycles::check),
    ("call contexts", slots::check_contexts),
    ("rest", check_rest),
];

/// Everything that any of the checkers objects to.
pub fn check(run: &Run) -> Vec<Objection> {
    let objections = CHECKERS.into_iter().flat_map(|(checker, check)| {
        check(run).into_iter().map(move |text| Objection { checker, text })
    });
    objections.collect()
}

/// In the end everything comes to rest.
fn check_rest(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    if !run.rested {
        wrong.push(format!("after {} ticks there is still something to do", run.ticks.len()));
    }
    let states = run.ticks.last().into_iter().flat_map(|tick| &tick.states);
    for (id, state) in states {
        if !state.is_idle {
            wrong.push(format!("canister {id} still has messages in its queues"));
        }
        if state.is_stopping {
            wrong.push(format!("canister {id} never stops"));
        }
    }
    wrong
}
