//! The kinds of outcomes of a scenario, to see which outcomes the scenarios reach.

use crate::run::Run;
use embedded_replica::trace::{Event, Work};
use std::collections::{BTreeMap, BTreeSet};

impl Run {
    /// The kinds of things that happened.
    pub fn kinds(&self) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        for (_, answer) in self.answers.values() {
            kinds.insert(answer.map_or_else(|code| format!("answer {code}"), |_| "reply".into()));
        }
        for (action, submitted) in &self.submitted {
            match submitted {
                Err(code) => _ = kinds.insert(format!("submitted {code}")),
                Ok(_) if !self.answers.contains_key(action) => {
                    kinds.insert("no status".into());
                }
                Ok(_) => {}
            }
        }
        let mut slices = BTreeMap::new();
        for event in self.ticks.iter().flat_map(|tick| &tick.events) {
            match event {
                Event::Responded { reject: Some(code), .. } => {
                    kinds.insert(format!("reject {}", *code as u8));
                }
                Event::Dropped { what, .. } => {
                    kinds.insert(format!("dropped {what:?}"));
                }
                Event::Slice { canister, number, of } => {
                    kinds.insert(format!("{of} slices"));
                    let before = slices.insert(*canister, *number);
                    let anew = before.is_some_and(|before| before >= *number);
                    kinds.extend(anew.then(|| "begun anew".into()));
                }
                Event::Executed { canister, work, result, .. }
                    if slices.remove(&canister.as_canister()).is_some() =>
                {
                    let is_callback = matches!(work, Work::Response { .. });
                    let what = if is_callback { "callback" } else { "call" };
                    let result =
                        result.map_or_else(|code| (code as u16).to_string(), |()| "done".into());
                    kinds.insert(format!("long {what} {result}"));
                }
                Event::Refunded { .. } => {
                    kinds.insert("refunded".into());
                }
                _ => {}
            }
        }
        kinds
    }
}
