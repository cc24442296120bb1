//! The strategies for many calls, and the methods and arguments with which a caller uses them.

use std::collections::BTreeMap;

use candid::{CandidType, Decode, Encode};
use serde::Deserialize;

use crate::interface::{CallerInterface, NumberType, PARALLEL_CALLS, RUN, SEQUENTIAL_CALLS};

/// A strategy for many calls.
#[derive(CandidType, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One call after another: each starts when the previous one has its response.
    Sequential,
    /// All calls at once.
    Parallel,
    /// At most this many calls at once; `None` for as many as the caller's queues and cycles allow.
    Windowed(Option<u32>),
}

/// The result of the calls, by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Calls that got a reply.
    pub succeeded: u64,
    /// All other calls by reason, if the caller returns the reasons.
    pub failures: Option<BTreeMap<String, u64>>,
}

/// The fields of the caller's report that the benchmark uses.
#[derive(CandidType, Deserialize)]
struct CallerReport {
    succeeded: u64,
    failures: Vec<Failures>,
}

#[derive(CandidType, Deserialize)]
struct Failures {
    reason: String,
    calls: u64,
}

impl Strategy {
    /// The strategies that a caller supports. `has_run` tells whether the caller has the method [`RUN`].
    pub fn of(has_run: bool) -> &'static [Self] {
        if has_run {
            &[Self::Sequential, Self::Parallel, Self::Windowed(None)]
        } else {
            &[Self::Sequential, Self::Parallel]
        }
    }

    /// The name in the benchmark's report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
            Self::Windowed(_) => "windowed",
        }
    }

    /// The caller's method that makes the calls: [`RUN`] if the caller has it.
    pub fn method(self, interface: &CallerInterface) -> &'static str {
        match self {
            _ if interface.has_run => RUN,
            Self::Sequential => SEQUENTIAL_CALLS,
            Self::Parallel | Self::Windowed(_) => PARALLEL_CALLS,
        }
    }

    /// The argument of the method [`Self::method`].
    ///
    /// # Errors
    ///
    /// Fails if Candid cannot encode the argument, which does not happen with these types.
    pub fn argument(
        self,
        interface: &CallerInterface,
        calls: u64,
    ) -> Result<Vec<u8>, candid::Error> {
        if interface.has_run { Encode!(&self, &calls) } else { interface.numbers.encode(calls) }
    }
}

impl Counts {
    /// Decodes the reply of the method [`Strategy::method`].
    ///
    /// # Errors
    ///
    /// Fails if the reply has another type.
    pub fn decode(interface: &CallerInterface, reply: &[u8]) -> Result<Self, String> {
        if !interface.has_run {
            return Ok(Self { succeeded: NumberType::decode(reply)?, failures: None });
        }
        let report = Decode!(reply, CallerReport).map_err(|error| error.to_string())?;
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        for Failures { reason, calls } in report.failures {
            let sum = failures.entry(reason).or_default();
            // A caller that counts more than 2^64 calls counts wrongly.
            *sum = sum.saturating_add(calls);
        }
        Ok(Self { succeeded: report.succeeded, failures: Some(failures) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_with_the_same_reason_are_added_up() {
        let failures = |reason: &str, calls| Failures { reason: reason.into(), calls };
        let report = CallerReport {
            succeeded: 1,
            failures: vec![failures("full", 2), failures("late", 3), failures("full", 4)],
        };
        let reply = Encode!(&report).expect("it encodes");
        let interface = CallerInterface { numbers: NumberType::Nat64, has_run: true };
        let counts = Counts::decode(&interface, &reply).expect("it decodes");
        assert_eq!(counts.failures, Some([("full".to_owned(), 6), ("late".into(), 3)].into()));
    }
}
