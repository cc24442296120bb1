//! One method for all strategies. It returns a report: outcomes, failures by reason, instructions and time.

use std::iter::repeat_n;

use candid::CandidType;
use ic_cdk::api::{call_context_instruction_counter, time};
use ic_cdk_macros::update;
use parallel_calls::canister::Canister;
use parallel_calls::{Summary, Window, parallel, sequential, windowed};
use serde::Deserialize;

use crate::window::{plan_window, planned_window};
use crate::{RETRY, guards, ping};

/// How calls are made.
#[derive(CandidType, Clone, Copy, Deserialize)]
pub enum Strategy {
    /// One call after the other.
    Sequential,
    /// All at once.
    Parallel,
    /// At most this many calls open at once. `None`: as many as slots and cycles allow.
    Windowed(Option<u32>),
}

/// The results of the calls. `caller.did` explains each field.
#[derive(CandidType)]
pub struct RunReport {
    pub attempted: u64,
    pub succeeded: u64,
    pub failures: Vec<Failures>,
    pub max_in_flight: u32,
    pub refused: u64,
    pub instructions: u64,
    pub elapsed_ns: u64,
}

/// A reason, and how many calls failed for it.
#[derive(CandidType)]
pub struct Failures {
    pub reason: String,
    pub calls: u64,
}

/// Calls `ping` n times by one of the strategies, and returns a report.
#[update(guard = "guards::controllers_only", guard = "run_allowed")]
async fn run(strategy: Strategy, n: u64) -> RunReport {
    let start_ns = time();
    let pings = repeat_n(ping(), n as usize);
    let ignore = |_, _| ();
    let summary = match strategy {
        Strategy::Sequential => sequential(&Canister, pings, ignore).await,
        Strategy::Parallel => parallel(&Canister, pings, ignore).await,
        Strategy::Windowed(calls) => {
            let window = calls.map_or_else(|| planned_window(&ping(), n), Window::of);
            windowed(&Canister, pings, window, RETRY, ignore).await
        }
    };
    RunReport {
        attempted: summary.attempted(),
        succeeded: summary.succeeded,
        failures: failures(&summary),
        max_in_flight: summary.max_in_flight,
        refused: summary.refused,
        instructions: call_context_instruction_counter(),
        elapsed_ns: time() - start_ns,
    }
}

/// Guard: checks for each strategy what the guard of its own method checks, for example of `windowed_calls`. A window
/// of a given size needs no plan.
fn run_allowed() -> Result<(), String> {
    guards::with_arguments(|(strategy, n): (Strategy, u64)| {
        guards::check_calls(n)?;
        match strategy {
            Strategy::Windowed(None) => plan_window(&ping(), n).map(drop),
            _ => Ok(()),
        }
    })
}

/// The reasons for which calls failed.
pub fn failures(summary: &Summary) -> Vec<Failures> {
    let failures = summary.failures();
    failures.map(|(kind, calls)| Failures { reason: kind.label().into(), calls }).collect()
}
