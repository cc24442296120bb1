//! The same calls in three ways.

use std::rc::Rc;

use candid::{CandidType, Principal};
use ic_cdk::api::{call_context_instruction_counter, time};
use parallel_calls::canister::Canister;
use parallel_calls::{
    Plan, Request, Retry, Summary, Transport, Window, parallel, sequential, windowed,
};

use crate::callee;

/// Windowed calls that find no slot, since other messages hold them all, try again for a quarter of a minute. A callee
/// that has no room can make each cost five times as much in this way.
const RETRY: Retry = Retry::attempts(5);

wire::variant! {
    /// How calls are made.
    #[derive(CandidType, Clone, Copy)]
    pub enum Strategy {
        /// Each after the answer to the one before.
        Sequential,
        /// All at once.
        Parallel,
        /// At most so many at once, or as many as there is room for.
        Windowed(Option<u32>),
    }
}

wire::record! {
    /// How calls went.
    #[derive(CandidType)]
    pub struct Report {
        pub attempted: u64,
        pub succeeded: u64,
        pub failures: Vec<Failures>,
        pub max_in_flight: u32,
        pub refused: u64,
        pub instructions: u64,
        pub elapsed_ns: u64,
    }
}

wire::record! {
    /// How many calls failed for one reason.
    #[derive(CandidType)]
    pub struct Failures {
        pub reason: String,
        pub calls: u64,
    }
}

/// Pings the callee `n` times.
pub async fn run(strategy: Strategy, n: u64) -> Result<Report, String> {
    let callee = callee::for_calls(n)?;
    let start_ns = time();
    // All the same, so all share one.
    let ping = Rc::new(ping(callee));
    let pings = (0..n).map(|_| ping.clone());
    let ignore = |_, _| ();
    let summary = match strategy {
        Strategy::Sequential => sequential(&Canister, pings, ignore).await,
        Strategy::Parallel => parallel(&Canister, pings, ignore).await,
        Strategy::Windowed(calls) => {
            let window = match calls {
                Some(calls) => Window::of(calls),
                None => planned_window(&ping, n)?,
            };
            windowed(&Canister, pings, window, RETRY, ignore).await
        }
    };
    Ok(Report {
        attempted: summary.attempted(),
        succeeded: summary.succeeded,
        failures: failures(&summary),
        max_in_flight: summary.max_in_flight,
        refused: summary.refused,
        instructions: call_context_instruction_counter(),
        elapsed_ns: time() - start_ns,
    })
}

/// One call. Its wait is bounded: a callee that never answers cannot keep this canister from being stopped and
/// upgraded, and no memory is set aside for the answer. The price, an outcome that may stay unknown, is none for a
/// call that changes nothing.
pub fn ping(callee: Principal) -> Request {
    Request::new(callee, "ping")
}

/// As many calls like this one as can be open together.
pub fn planned_window(request: &Request, n: u64) -> Result<Window, String> {
    match Plan::new(&Canister.limits(request), n) {
        Ok(plan) => Ok(plan.window),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// The reasons for which calls failed.
pub fn failures(summary: &Summary) -> Vec<Failures> {
    let failures = summary.failures();
    failures.map(|(kind, calls)| Failures { reason: kind.label().into(), calls }).collect()
}
