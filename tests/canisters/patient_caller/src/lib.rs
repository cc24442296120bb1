//! A caller that waits for its answers for as long as it takes, unlike the caller of this workspace.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

use candid::Principal;
use parallel_calls::canister::Canister;
use parallel_calls::{Plan, Request, Retry, Summary, Transport, Wait, parallel, windowed};

fn pings(callee: Principal, n: u64) -> impl Iterator<Item = Request> {
    (0..n).map(move |_| Request::new(callee, "ping").with_wait(Wait::Unbounded))
}

fn counts(summary: &Summary) -> (u64, u32) {
    (summary.succeeded, summary.widest)
}

/// How many calls succeeded, and how many were open at most.
#[ic_cdk::update]
async fn windowed_calls(callee: Principal, n: u64) -> (u64, u32) {
    let limits = Canister.limits(&Request::new(callee, "ping").with_wait(Wait::Unbounded));
    let plan = Plan::new(&limits, n).unwrap_or_else(|refusal| ic_cdk::trap(refusal.to_string()));
    counts(&windowed(&Canister, pings(callee, n), plan.window, Retry::NEVER, |_, _| ()).await)
}

/// The same all at once.
#[ic_cdk::update]
async fn parallel_calls(callee: Principal, n: u64) -> (u64, u32) {
    counts(&parallel(&Canister, pings(callee, n), |_, _| ()).await)
}

ic_cdk::export_candid!();
