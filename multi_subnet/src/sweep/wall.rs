//! Walls: the number of calls from which calls of a strategy fail.

use std::collections::BTreeMap;

use serde::Serialize;

use super::known::Known;
use crate::numbers::grouped;
use crate::report::{Measurement, cause, cycles_for_parallel, likely_reason};

/// The number of calls up to which all calls of a strategy succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wall {
    /// The strategy.
    pub strategy: &'static str,
    /// The largest number of calls that all succeed. With one call more, calls fail.
    pub calls: u64,
    /// The calls that fail with one call more.
    pub failed: u64,
    /// The failed calls by reason, if the caller returns the reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<BTreeMap<String, u64>>,
    /// The reason as a sentence.
    pub text: String,
}

/// The two numbers of calls between which the wall of a strategy is: all calls succeed with the first one, and some
/// fail with the second one. `None` if all calls succeed in every measurement.
pub(super) fn bounds(known: &Known, strategy: usize) -> Option<(u64, u64)> {
    // No calls at all cannot fail.
    let mut complete = 0;
    for measurement in known.of(strategy) {
        if measurement.failed > 0 {
            return Some((complete, measurement.attempted));
        }
        complete = measurement.attempted;
    }
    None
}

/// The walls that have been found: those with no number of calls between their bounds.
pub(super) fn walls(known: &Known, caller_cycles: u128) -> Vec<Wall> {
    let wall = |strategy| {
        let (calls, failing) = bounds(known, strategy)?;
        let measurement = known.get(strategy, failing)?;
        (failing == calls + 1).then(|| Wall {
            strategy: measurement.name,
            calls,
            failed: measurement.failed,
            failures: measurement.failures.clone(),
            text: text(measurement, caller_cycles),
        })
    };
    (0..known.strategies()).filter_map(wall).collect()
}

/// The wall as a sentence, by the first measurement in which calls fail.
fn text(measurement: &Measurement, caller_cycles: u128) -> String {
    let Measurement { name, attempted, failed, failures, .. } = measurement;
    let most = grouped((attempted - 1).into());
    let enough = cycles_for_parallel(*attempted);
    let why = match failures {
        Some(failures) => {
            let reasons: Vec<_> = failures.keys().map(|reason| cause(reason, enough)).collect();
            reasons.join(", and ")
        }
        None => match likely_reason(measurement, caller_cycles) {
            Some(reason) => format!("most likely {}", cause(reason, enough)),
            None => "for a reason that the caller does not return".into(),
        },
    };
    let fail = if *failed == 1 { "fails" } else { "fail" };
    let (attempted, failed) = (grouped((*attempted).into()), grouped((*failed).into()));
    match most.as_str() {
        "0" => format!("{name}: even of 1 call {failed} {fail} {why}"),
        _ => format!(
            "{name}: all calls succeed up to {most}; of {attempted} calls {failed} {fail} {why}"
        ),
    }
}
