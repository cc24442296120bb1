//! The result of the benchmark, as text and as JSON.

use std::{collections::BTreeMap, fmt, time::Duration};

use embedded_replica::cycles::{Prices, REFERENCE_SUBNET_SIZE};
use embedded_replica::limits::QUEUE_CAPACITY;
use embedded_replica::network::NetworkProfile;
use serde::{Serialize, Serializer};

use crate::args::InEachForm;
use crate::canisters::ModuleSizes;
use crate::csv::{Conditions, csv, failures};
use crate::escape::{markdown, one_line};
use crate::numbers::{capitalised, grouped, seconds, underscored};
use crate::pictures::words::count;
use crate::table::Table;

/// All measurements, and the settings they were made with.
#[derive(Clone, Debug, Serialize)]
pub struct BenchmarkReport {
    /// The server that executed the canisters.
    pub server: String,
    /// The profile of the network.
    pub profile: &'static str,
    /// Whether caller and callee were on one subnet.
    pub same_subnet: bool,
    /// Number of calls that each strategy was to make.
    pub calls: u64,
    /// Cycles that the caller started with.
    #[serde(skip)]
    pub caller_cycles: u128,
    /// The sizes of the modules.
    #[serde(skip)]
    pub modules: ModuleSizes,
    /// One measurement per strategy, in the order in which they ran.
    pub strategies: Vec<Measurement>,
}

/// The measurement of one strategy.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// `sequential`, `parallel` or `windowed`.
    pub name: &'static str,
    /// Calls that the strategy was to make.
    pub attempted: u64,
    /// Calls that got a reply.
    pub succeeded: u64,
    /// All other calls.
    pub failed: u64,
    /// Failed calls by reason, if the caller returns the reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<BTreeMap<String, u64>>,
    /// Rounds until the caller replied.
    pub rounds: u64,
    /// The time that these rounds take on the mainnet.
    #[serde(rename = "model_time_ms", serialize_with = "whole_milliseconds")]
    pub model_time: Duration,
    /// The time that this machine took.
    #[serde(rename = "host_time_ms", serialize_with = "milliseconds")]
    pub host_time: Duration,
    /// Cycles that the caller spent.
    pub cycles: u128,
}

/// Serializes a model time, which is always a whole number of milliseconds.
fn whole_milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(time.as_millis())
}

/// Serializes a host time in milliseconds, with microseconds as decimals.
fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_micros() as f64 / 1_000.0)
}

impl InEachForm for BenchmarkReport {
    /// The report as a CSV file: one line for each strategy.
    fn to_csv(&self) -> String {
        let Self { profile, same_subnet, caller_cycles, .. } = *self;
        let conditions = Conditions { profile, same_subnet, caller_cycles };
        csv(self.strategies.iter().map(|measurement| (conditions, measurement)))
    }

    /// The report in GitHub's markdown, without host times.
    fn to_markdown(&self) -> String {
        let mut table = Table::new(&MARKDOWN_HEADINGS, &[0, 7]);
        for measurement in &self.strategies {
            let [name, attempted, succeeded, failed, rounds, model_time, _, cycles] =
                cells(measurement);
            let failures = failures(measurement, |calls| grouped(calls.into()));
            table.push([name, attempted, succeeded, failed, rounds, model_time, cycles, failures]);
        }
        let placement = if self.same_subnet { "one subnet" } else { "two subnets" };
        format!(
            "## {}, caller and callee on {placement}\n\n{}\nServer {}, profile {}, {} cycles at the start.\n",
            count(self.calls, "call"),
            table.markdown(),
            markdown(&self.server),
            self.profile,
            grouped(self.caller_cycles)
        )
    }
}

impl BenchmarkReport {
    /// The table with a row for each strategy.
    fn table(&self) -> Table {
        let mut table = Table::new(&HEADINGS, &[0]);
        self.strategies.iter().for_each(|strategy| table.push(cells(strategy)));
        table
    }

    /// The notes below the table.
    fn notes(&self) -> Vec<String> {
        let NetworkProfile { round_length_ms, rounds_per_hop, .. } = NetworkProfile::MAINNET;
        let placement = if self.same_subnet { "one subnet" } else { "two subnets" };
        let mut notes = vec![
            format!(
                "Caller and callee on {placement}; server {}, profile {}.",
                self.server, self.profile
            ),
            if self.same_subnet {
                format!(
                    "Model time: the time of these rounds on the mainnet, {round_length_ms} ms for each."
                )
            } else {
                format!(
                    "Model time: the time of these rounds on the mainnet, {round_length_ms} ms for each, \
                     {rounds_per_hop} rounds per hop between subnets."
                )
            },
            "Host time: the time of these rounds on this machine.".into(),
        ];
        let why = |strategy| why_calls_failed(strategy, self.caller_cycles);
        notes.extend(self.strategies.iter().filter_map(why));
        notes
    }
}

/// Why calls of a strategy failed: the reasons if the caller returns them, or else the most likely cause.
fn why_calls_failed(measurement: &Measurement, caller_cycles: u128) -> Option<String> {
    let Measurement { name, attempted, failed, failures, .. } = measurement;
    let enough = cycles_for_parallel(*attempted);
    let strategy = capitalised(name);
    Some(if *failed == 0 {
        return None;
    } else if let Some(failures) = failures {
        let reasons: Vec<_> =
            failures.iter().map(|(reason, calls)| failure_line(reason, *calls, enough)).collect();
        format!("{strategy} calls failed:\n{}", reasons.join("\n"))
    } else {
        match likely_reason(measurement, caller_cycles) {
            Some("queue_full") => format!(
                "{strategy} calls failed because at most {QUEUE_CAPACITY} calls may be open from one canister to another."
            ),
            Some(_) => format!(
                "{strategy} calls failed, most likely for lack of cycles: each open call sets aside about 42 B cycles.\n\
                 Use --caller-cycles {}, or twice that if the caller has 64-bit memory.",
                underscored(enough)
            ),
            None => format!(
                "{strategy} calls failed, and the caller does not return the reasons. Check that the callee is the right\n\
                 module and that it has the update method `ping : () -> ()`."
            ),
        }
    })
}

/// The reason for which calls most likely failed if the caller does not return the reasons. `None` if the figures tell
/// no reason.
pub(crate) fn likely_reason(
    measurement: &Measurement,
    caller_cycles: u128,
) -> Option<&'static str> {
    let Measurement { attempted, succeeded, .. } = measurement;
    if *succeeded == QUEUE_CAPACITY as u64 {
        Some("queue_full")
    } else if *succeeded > 0 && caller_cycles < cycles_for_parallel(*attempted) {
        Some("cycles")
    } else {
        None
    }
}

/// The line for a reason that the caller returned.
fn failure_line(reason: &str, calls: u64, enough_cycles: u128) -> String {
    format!("  {} {}", grouped(calls.into()), cause(reason, enough_cycles))
}

/// Why calls failed, for a reason that the caller returned. The two frequent reasons are explained.
/// `enough_cycles` is the result of [`cycles_for_parallel`].
pub(crate) fn cause(reason: &str, enough_cycles: u128) -> String {
    match reason {
        "queue_full" => format!(
            "because of a full queue: at most {QUEUE_CAPACITY} calls may be open from one canister to another"
        ),
        "cycles" => format!(
            "for lack of cycles: each open call sets aside about 42 B cycles; --caller-cycles {} is enough",
            underscored(enough_cycles)
        ),
        _ => format!("for the reason {}", one_line(reason)),
    }
}

/// Cycles that are enough for a caller to make this many calls at once, as far as its queues allow:
/// the cycles that are set aside for the open calls, and those of one more call, for the message
/// that makes the calls. Rounded up to a tenth of a trillion.
pub(crate) fn cycles_for_parallel(calls: u64) -> u128 {
    const ROUNDING: u128 = 100_000_000_000;
    let per_call = Prices::new(REFERENCE_SUBNET_SIZE, false).call(0, false).total();
    let open = u128::from(calls.min(QUEUE_CAPACITY as u64)) + 1;
    (open * per_call).next_multiple_of(ROUNDING)
}

impl fmt::Display for BenchmarkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for strategy in &self.strategies {
            let Measurement { name, attempted, succeeded, host_time, .. } = strategy;
            let name = capitalised(name);
            writeln!(f, "{name} calls: {succeeded}/{attempted} successful calls in {host_time:?}")?;
        }
        writeln!(f)?;
        write!(f, "{}", self.table())?;
        writeln!(f)?;
        for note in self.notes() {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}

const HEADINGS: [&str; 8] = [
    "strategy",
    "calls",
    "succeeded",
    "failed",
    "rounds",
    "model time (mainnet)",
    "host time",
    "caller's cycles",
];

const MARKDOWN_HEADINGS: [&str; 8] = [
    "strategy",
    "calls",
    "succeeded",
    "failed",
    "rounds",
    "model time (mainnet)",
    "caller's cycles",
    "failures by reason",
];

fn cells(strategy: &Measurement) -> [String; 8] {
    [
        strategy.name.into(),
        grouped(strategy.attempted.into()),
        grouped(strategy.succeeded.into()),
        grouped(strategy.failed.into()),
        grouped(strategy.rounds.into()),
        seconds(strategy.model_time),
        format!("{:.1} ms", strategy.host_time.as_secs_f64() * 1_000.0),
        grouped(strategy.cycles),
    ]
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
