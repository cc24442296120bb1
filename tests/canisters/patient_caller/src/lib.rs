//! A test caller that uses the library in ways that the caller of this workspace does not: calls without a timeout
//! (unbounded wait), retries, and a trap while calls are open.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

use candid::Principal;
use ic_cdk::api::{call_context_instruction_counter, trap};
use parallel_calls::canister::{Canister, ready_for_upgrade};
use parallel_calls::{Plan, Request, Retry, Summary, Transport, Wait, Window, parallel, windowed};

fn pings(callee: Principal, n: u64) -> impl Iterator<Item = Request> {
    (0..n).map(move |_| Request::new(callee, "ping").with_wait(Wait::Unbounded))
}

fn counts(summary: &Summary) -> (u64, u32, u64) {
    (summary.succeeded, summary.max_in_flight, summary.refused)
}

/// Makes `n` calls in a window. Returns the number of successful calls, the most open calls at a time, and the number
/// of failed sends.
#[ic_cdk::update]
async fn windowed_calls(callee: Principal, n: u64) -> (u64, u32, u64) {
    let limits = Canister.limits(&Request::new(callee, "ping").with_wait(Wait::Unbounded));
    let plan = Plan::new(&limits, n).unwrap_or_else(|error| ic_cdk::trap(error.to_string()));
    counts(&windowed(&Canister, pings(callee, n), plan.window, Retry::NEVER, |_, _| ()).await)
}

/// Makes `n` calls at once. Returns the same numbers as `windowed_calls`.
#[ic_cdk::update]
async fn parallel_calls(callee: Principal, n: u64) -> (u64, u32, u64) {
    counts(&parallel(&Canister, pings(callee, n), |_, _| ()).await)
}

/// Calls each canister `each` times and retries each failed call once. Returns the number of calls and the
/// instructions used.
#[ic_cdk::update]
async fn persistent_calls(callees: Vec<Principal>, each: u64) -> (u64, u64) {
    let calls = (0..each).flat_map(|_| &callees);
    let pings = calls.map(|callee| Request::new(*callee, "ping").idempotent());
    let retry = Retry::attempts(2);
    let summary = windowed(&Canister, pings, Window::of(400), retry, |_, _| ()).await;
    (summary.attempted(), call_context_instruction_counter())
}

/// Calls each canister, and traps when the first response arrives.
#[ic_cdk::update]
async fn trap_amid_calls(callees: Vec<Principal>) {
    let pings = callees.into_iter().map(|callee| Request::new(callee, "ping"));
    windowed(&Canister, pings, Window::of(500), Retry::NEVER, |_, _| trap("amid calls")).await;
}

#[ic_cdk::pre_upgrade]
fn pre_upgrade() {
    if let Err(reason) = ready_for_upgrade() {
        trap(reason);
    }
}

ic_cdk::export_candid!();
