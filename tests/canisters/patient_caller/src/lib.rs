//! A caller that uses the library as the caller of this workspace does not: it waits for as long as it takes, tries
//! again, and traps amid calls.

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

/// How many calls succeeded, how many were open at most, and how many sends failed.
#[ic_cdk::update]
async fn windowed_calls(callee: Principal, n: u64) -> (u64, u32, u64) {
    let limits = Canister.limits(&Request::new(callee, "ping").with_wait(Wait::Unbounded));
    let plan = Plan::new(&limits, n).unwrap_or_else(|error| ic_cdk::trap(error.to_string()));
    counts(&windowed(&Canister, pings(callee, n), plan.window, Retry::NEVER, |_, _| ()).await)
}

/// The same all at once.
#[ic_cdk::update]
async fn parallel_calls(callee: Principal, n: u64) -> (u64, u32, u64) {
    counts(&parallel(&Canister, pings(callee, n), |_, _| ()).await)
}

/// Calls each canister often, and each failed call once more; how many calls were made, and for how many instructions.
#[ic_cdk::update]
async fn persistent_calls(callees: Vec<Principal>, each: u64) -> (u64, u64) {
    let calls = (0..each).flat_map(|_| &callees);
    let pings = calls.map(|callee| Request::new(*callee, "ping").idempotent());
    let retry = Retry::attempts(2);
    let summary = windowed(&Canister, pings, Window::of(400), retry, |_, _| ()).await;
    (summary.attempted(), call_context_instruction_counter())
}

/// Calls each canister, and traps with the first answer.
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
