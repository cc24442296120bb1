//! What must hold of every network, checked on what could be seen of it. Nothing here knows how the
//! replica is built, nor what the scenario was.

mod cycles;
mod order;
mod responses;
mod slices;
mod slots;

use crate::run::Run;
use embedded_replica::trace::Event;

/// What is wrong, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub checker: &'static str,
    pub text: String,
}

/// Says what is wrong with what was seen.
type Checker = fn(&Run) -> Vec<String>;

const CHECKERS: [(&str, Checker); 7] = [
    ("responses", responses::check),
    ("order", order::check),
    ("slices", slices::check),
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

/// In the end everything comes to rest, and nothing happens of which the instance had said that it
/// was not due.
fn check_rest(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    if !run.rested {
        wrong.push(format!("after {} ticks there is still something to do", run.ticks.len()));
    }
    if !run.says_it_rests {
        wrong.push("at rest it says that something is due at once".into());
    }
    for (tick, seen) in run.ticks.iter().enumerate().filter(|(_, seen)| !seen.due) {
        let happened = seen.events.iter().find(|event| !matches!(event, Event::Round { .. }));
        wrong
            .extend(happened.map(|event| format!("in tick {tick} nothing was due, but {event:?}")));
    }
    let states = run.ticks.last().into_iter().flat_map(|tick| &tick.states);
    for (id, state) in states {
        if !state.is_idle {
            wrong.push(format!("canister {id} still has messages in its queues"));
        }
        if state.is_paused {
            wrong.push(format!("canister {id} never ends what it is in the middle of"));
        }
        if state.is_stopping {
            wrong.push(format!("canister {id} never stops"));
        }
    }
    wrong
}
