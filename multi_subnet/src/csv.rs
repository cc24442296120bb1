//! Measurements as a CSV file.

use crate::escape::one_line;
use crate::report::Measurement;
use crate::table::Table;

const HEADINGS: [&str; 11] = [
    "profile",
    "same_subnet",
    "caller_cycles",
    "calls",
    "strategy",
    "succeeded",
    "failed",
    "failures",
    "rounds",
    "model_time_ms",
    "cycles",
];

/// The settings under which a measurement was made.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The profile of the network.
    pub profile: &'static str,
    /// Whether caller and callee were on one subnet.
    pub same_subnet: bool,
    /// Cycles that the caller started with.
    pub caller_cycles: u128,
}

/// A CSV file with a line for each measurement.
pub fn csv<'a>(measurements: impl Iterator<Item = (Conditions, &'a Measurement)>) -> String {
    let mut table = Table::new(&HEADINGS, &[]);
    measurements.for_each(|(conditions, measurement)| table.push(cells(conditions, measurement)));
    table.csv()
}

fn cells(conditions: Conditions, measurement: &Measurement) -> [String; 11] {
    let Measurement { name, attempted, succeeded, failed, rounds, model_time, cycles, .. } =
        measurement;
    [
        conditions.profile.into(),
        conditions.same_subnet.to_string(),
        conditions.caller_cycles.to_string(),
        attempted.to_string(),
        (*name).into(),
        succeeded.to_string(),
        failed.to_string(),
        failures(measurement, |calls| calls.to_string()),
        rounds.to_string(),
        model_time.as_millis().to_string(),
        cycles.to_string(),
    ]
}

/// The failed calls by reason in one cell, such as `queue_full 1,500`. Empty if the caller does not return the reasons.
pub(crate) fn failures(measurement: &Measurement, number: impl Fn(u64) -> String) -> String {
    let failures = measurement.failures.iter().flatten();
    let failures =
        failures.map(|(reason, calls)| format!("{} {}", one_line(reason), number(*calls)));
    failures.collect::<Vec<_>>().join("; ")
}
