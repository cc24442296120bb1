//! Random scenarios on several subnets: a naive model predicts what becomes of each, and independent
//! checkers look at everything that could be seen.
//!
//! `SCENARIOS` is how many are tried (`make soak`), `SCENARIO_SEED` tries one again.

#![allow(missing_docs, clippy::unwrap_used)]

mod begin;
mod checks;
mod encode;
mod faults;
mod fees;
mod kinds;
mod model;
mod parts;
mod predict;
mod random;
mod record;
mod restored;
mod run;
mod scenario;
mod soak;
mod told;

/// What a test run has time for.
const SCENARIOS: u64 = 1_000;

/// Outcomes that scenarios are made to reach.
const KINDS: [&str; 32] = [
    "answer 202",
    "answer 207",
    "answer 406",
    "answer 502",
    "answer 503",
    "answer 504",
    "answer 506",
    "answer 509",
    "answer 511",
    "answer 536",
    "answer 537",
    "reply",
    "no status",
    "reject 2",
    "reject 3",
    "reject 4",
    "reject 5",
    "reject 6",
    "dropped Request",
    "dropped Response",
    "dropped Late",
    "refunded",
    "2 slices",
    "20 slices",
    "begun anew",
    "long call done",
    "long call 503",
    "long call 522",
    "long callback done",
    "long callback 503",
    "submitted 301",
    "submitted 508",
];

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

#[test]
fn random_scenarios_end_as_a_simple_model_predicts_and_pass_all_checks() {
    if let Some(seed) = variable("SCENARIO_SEED") {
        soak::soak(seed..seed + 1);
        return;
    }
    let count = variable("SCENARIOS").unwrap_or(SCENARIOS);
    let outcome = soak::soak(0..count);
    let missed: Vec<_> = KINDS.iter().filter(|kind| !outcome.kinds.contains(**kind)).collect();
    assert!(missed.is_empty() || count < SCENARIOS, "no scenario comes to {missed:?}");
}
