//! One endpoint for all strategies, which reports how the calls went.

use std::iter::repeat_n;

use candid::CandidType;
use ic_cdk::api::{call_context_instruction_counter, time};
use ic_cdk_macros::update;
use parallel_calls::canister::Canister;
use parallel_calls::{Plan, Request, Summary, Transport, Window, parallel, sequential, windowed};
use serde::Deserialize;

use crate::{RETRY, guards, ping};

/// How calls are made.
#[derive(CandidType, Clone, Copy, Deserialize)]
pub enum Strategy {
    /// Each after the reply to the one before.
    Sequential,
    /// All at once.
    Parallel,
    /// At most this many at once. `None`: as many as slots and cycles allow.
    Windowed(Option<u32>),
}

/// How calls went.
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

/// How many calls failed for one reason.
#[derive(CandidType)]
pub struct Failures {
    pub reason: String,
    pub calls: u64,
}

/// Calls `ping` n times by one of the strategies, and reports how the calls went.
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

/// Guard: the strategies have the conditions of the endpoints that are named after them.
fn run_allowed() -> Result<(), String> {
    guards::check(|(strategy, n): (Strategy, u64)| {
        guards::check_calls(n)?;
        match strategy {
            Strategy::Windowed(None) => plan(&ping(), n).map(drop),
            _ => Ok(()),
        }
    })
}

/// The number of such calls that can be open together.
///
/// # Errors
///
/// The reason, when this canister cannot afford a single one.
pub fn plan(request: &Request, n: u64) -> Result<Window, String> {
    match Plan::new(&Canister.limits(request), n) {
        Ok(plan) => Ok(plan.window),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// The number of such calls that can be open together, where a guard has refused what cannot be afforded.
pub fn planned_window(request: &Request, n: u64) -> Window {
    plan(request, n).unwrap_or_else(|reason| ic_cdk::trap(reason))
}

/// The reasons for which calls failed.
pub fn failures(summary: &Summary) -> Vec<Failures> {
    let failures = summary.failures();
    failures.map(|(kind, calls)| Failures { reason: kind.label().into(), calls }).collect()
}
