//! Check: a paused execution continues slice by slice, one slice in a round. Until the last slice no change is visible,
//! and the canister executes nothing else.

use crate::run::{Run, State, Tick};
use candid::Principal;
use embedded_replica::trace::Event;

pub fn check(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    for id in &run.ids.canisters {
        let mut slices = Slices::default();
        for (number, tick) in run.ticks.iter().enumerate() {
            let before = number.checked_sub(1).and_then(|before| run.ticks[before].states.get(id));
            let what = slices.follow(*id, tick).or_else(|| shows(before, tick.states.get(id)));
            wrong.extend(what.map(|what| format!("in tick {number} {id} {what}")));
        }
    }
    wrong
}

/// What is wrong with what shows of a canister, if it is in the middle of something all the time.
fn shows(before: Option<&State>, after: Option<&State>) -> Option<&'static str> {
    let (before, after) = (before?, after?);
    if !before.is_paused || !after.is_paused {
        return None;
    }
    (before.memory != after.memory).then_some("shows what it has not finished")
}

/// What was seen of what a canister is in the middle of: which slice it executed, and of how many.
#[derive(Default)]
struct Slices(Option<(u64, u64)>);

impl Slices {
    /// Follows a canister for a tick, and says what it did wrong.
    fn follow(&mut self, id: Principal, tick: &Tick) -> Option<&'static str> {
        let mut executed = 0;
        for event in &tick.events {
            match event {
                Event::Slice { canister, number, of } if *canister == id => {
                    executed += 1;
                    let goes_on = match self.0.replace((*number, *of)) {
                        // It may have to begin anew.
                        Some((last, all)) => all == *of && (*number == last + 1 || *number == 1),
                        None => *number == 1,
                    };
                    if !goes_on || number >= of {
                        return Some("executes a slice out of order");
                    }
                    if executed > 1 {
                        return Some("executes two slices in a round");
                    }
                }
                Event::Executed { canister, .. } if *canister == id => match self.0.take() {
                    Some(_) if executed > 0 => return Some("ends in the round of another slice"),
                    Some((last, all)) if last + 1 != all => return Some("ends before its end"),
                    _ => {}
                },
                Event::Sent { call, .. } if call.caller == id => match self.0 {
                    Some((last, all)) if last + 1 != all => return Some("calls before its end"),
                    _ => {}
                },
                _ => {}
            }
        }
        let is_paused = tick.states.get(&id).is_some_and(|state| state.is_paused);
        (is_paused != self.0.is_some()).then_some("is not in the middle of what it has begun")
    }
}
