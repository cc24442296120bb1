//! The ways to make many calls, and how a caller is asked for them.

use std::collections::BTreeMap;

use candid::{CandidType, Decode, Encode};
use serde::Deserialize;

use crate::interface::{CallerInterface, NumberType, PARALLEL_CALLS, RUN, SEQUENTIAL_CALLS};

/// A way to make many calls.
#[derive(CandidType, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Each after the answer to the one before.
    Sequential,
    /// All at once.
    Parallel,
    /// At most so many at once; `None`: as many as there is room for.
    Windowed(Option<u32>),
}

/// What a caller says of its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were answered with a reply.
    pub succeeded: u64,
    /// The others by reason, if the caller tells.
    pub failures: Option<BTreeMap<String, u64>>,
}

/// The part of a report that is asked for here.
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
    /// The strategies of a caller.
    pub fn of(interface: &CallerInterface) -> &'static [Self] {
        if interface.reports {
            &[Self::Sequential, Self::Parallel, Self::Windowed(None)]
        } else {
            &[Self::Sequential, Self::Parallel]
        }
    }

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
            Self::Windowed(_) => "windowed",
        }
    }

    /// The method that makes the calls. A caller that tells how they went is asked to.
    pub fn method(self, interface: &CallerInterface) -> &'static str {
        match self {
            _ if interface.reports => RUN,
            Self::Sequential => SEQUENTIAL_CALLS,
            Self::Parallel | Self::Windowed(_) => PARALLEL_CALLS,
        }
    }

    /// The argument of that method.
    pub fn argument(
        self,
        interface: &CallerInterface,
        calls: u64,
    ) -> Result<Vec<u8>, candid::Error> {
        if interface.reports { Encode!(&self, &calls) } else { interface.numbers.encode(calls) }
    }
}

impl Counts {
    /// Reads the reply of the method.
    pub fn decode(interface: &CallerInterface, reply: &[u8]) -> Result<Self, String> {
        if !interface.reports {
            return Ok(Self { succeeded: NumberType::decode(reply)?, failures: None });
        }
        let report = Decode!(reply, CallerReport).map_err(|error| error.to_string())?;
        let failures =
            report.failures.into_iter().map(|failures| (failures.reason, failures.calls)).collect();
        Ok(Self { succeeded: report.succeeded, failures: Some(failures) })
    }
}
