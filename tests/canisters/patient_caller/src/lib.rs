//! A test caller that uses the library in ways that the caller of this workspace does not: calls without a timeout
//! (unbounded wait), retries, pauses, attached cycles, replies that are kept, and traps while calls are open.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

use std::cell::RefCell;
use std::time::Duration;

use candid::Principal;
use ic_cdk::api::{call_context_instruction_counter, time, trap};
use ic_cdk::call::Call;
use ic_stable_structures::DefaultMemoryImpl;
use parallel_calls::canister::{Canister, ready_for_upgrade};
use parallel_calls::outbox::Outbox;
use parallel_calls::{
    FanOut, Outcome, Plan, ReasonKind, Reply, Request, Retry, Summary, Transport, Verdict, Wait,
    Window, fan_out, parallel, windowed,
};

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

/// Makes `n` calls, one at a time. Returns the number of successful calls, and of those that were not sent because this
/// canister was being stopped.
#[ic_cdk::update]
async fn one_at_a_time(callee: Principal, n: u64) -> (u64, u64) {
    let pings = pings(callee, n);
    let summary = windowed(&Canister, pings, Window::of(1), Retry::NEVER, |_, _| ()).await;
    (summary.succeeded, summary.failed(ReasonKind::Stopping))
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

/// Pauses for so many seconds. Returns how long that took, in nanoseconds of the network's clock, or the reason why the
/// pause failed.
#[ic_cdk::update]
async fn pause(seconds: u64) -> Result<u64, String> {
    let start = time();
    let paused = Canister.pause(Duration::from_secs(seconds)).await;
    paused.map_err(|reason| reason.to_string())?;
    Ok(time() - start)
}

/// Makes `n` calls with so many attempts each. Returns the number of successful calls.
#[ic_cdk::update]
async fn repeated_calls(callee: Principal, n: u64, attempts: u32) -> u64 {
    let pings = pings(callee, n).map(Request::idempotent);
    let retry = Retry::attempts(attempts);
    windowed(&Canister, pings, Window::of(500), retry, |_, _| ()).await.succeeded
}

/// Makes `n` calls with so many attempts each. Every reply counts as one that asks for another attempt. Returns for
/// each reason how many calls failed for it.
#[ic_cdk::update]
async fn unavailable_calls(callee: Principal, n: u64, attempts: u32) -> Vec<(String, u64)> {
    let later = |_: &[u8]| Verdict::TryAgain("later".into());
    let pings = pings(callee, n).map(|ping| ping.judged_by(later));
    let retry = Retry::attempts(attempts);
    let summary = windowed(&Canister, pings, Window::of(500), retry, |_, _| ()).await;
    summary.failures().map(|(kind, calls)| (kind.label().to_owned(), calls)).collect()
}

/// Calls `raw_rand` without the library. Returns whether it replied.
#[ic_cdk::update]
async fn random() -> bool {
    Call::bounded_wait(Principal::management_canister(), "raw_rand").await.is_ok()
}

/// The planned window for `n` calls.
#[ic_cdk::query]
fn planned_window(callee: Principal, n: u64) -> u32 {
    let limits = Canister.limits(&Request::new(callee, "ping"));
    Plan::new(&limits, n).map_or(0, |plan| plan.window.per_callee)
}

/// Attaches so many cycles to each call of `charge`, with an argument that says how many of them the callee keeps.
/// Returns the largest number of open calls, and for each call the cycles that came back.
#[ic_cdk::update]
async fn paid_calls(callee: Principal, attached: u64, kept: Vec<u64>) -> (u32, Vec<u64>) {
    let request = |kept| {
        let argument = candid::encode_one(kept).unwrap_or_default();
        Request::new(callee, "charge").with_argument(argument).with_cycles(attached.into())
    };
    let plan = Plan::new(&Canister.limits(&request(0)), kept.len() as u64)
        .unwrap_or_else(|error| trap(error.to_string()));
    let mut refunds = vec![0; kept.len()];
    let requests = kept.into_iter().map(request);
    let fan_out = FanOut::new(plan.window).with_retry(Retry::attempts(3));
    let summary = fan_out
        .run(&Canister, requests, |number, outcome| {
            refunds[number as usize] = outcome.refunded() as u64;
        })
        .await;
    (summary.max_in_flight, refunds)
}

/// Grows the heap of this canister by so many Wasm pages, without writing to them.
#[ic_cdk::update]
fn grow_heap(pages: u32) {
    #[cfg(target_arch = "wasm32")]
    if core::arch::wasm32::memory_grow(0, pages as usize) == usize::MAX {
        trap("the heap cannot grow");
    }
    let _ = pages;
}

/// Grows the heap of this canister as far as possible, without writing to it.
#[ic_cdk::update]
fn fill_heap() {
    #[cfg(target_arch = "wasm32")]
    {
        let mut pages = 1 << 15;
        while pages > 0 {
            if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
                pages /= 2;
            }
        }
    }
}

/// Makes `n` calls of `ping`, with a cycle attached to each.
#[ic_cdk::update]
async fn calls_with_cycles(callee: Principal, n: u64) -> u64 {
    let pings = pings(callee, n).map(|ping| ping.with_cycles(1));
    windowed(&Canister, pings, Window::of(500), Retry::NEVER, |_, _| ()).await.succeeded
}

thread_local! {
    /// Outcomes that this canister holds for good.
    static HELD: RefCell<Vec<Outcome<Reply>>> = const { RefCell::new(Vec::new()) };
}

/// Makes `n` calls and holds their replies for good. Returns how many replies were not dropped.
#[ic_cdk::update]
async fn held_replies(callee: Principal, n: u64) -> u64 {
    let outcomes = fan_out(&Canister, pings(callee, n), Window::of(400), Retry::NEVER).await;
    let kept = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done(_))).count();
    HELD.with_borrow_mut(|held| held.extend(outcomes));
    kept as u64
}

/// Makes `n` calls and keeps their replies. Returns the number of replies that were kept, their bytes, and the number
/// of replies that were dropped.
#[ic_cdk::update]
async fn kept_replies(callee: Principal, n: u64) -> (u64, u64, u64) {
    let (mut kept, mut bytes, mut dropped) = (0, 0, 0);
    for outcome in fan_out(&Canister, pings(callee, n), Window::of(400), Retry::NEVER).await {
        match outcome {
            Outcome::Done(reply) => {
                kept += 1;
                bytes += reply.bytes.len() as u64;
            }
            Outcome::ReplyDropped { .. } => dropped += 1,
            Outcome::NotDone(failure) | Outcome::Unknown(failure) => trap(failure.to_string()),
        }
    }
    (kept, bytes, dropped)
}

thread_local! {
    static OUTBOX: Outbox<DefaultMemoryImpl> =
        Outbox::init(DefaultMemoryImpl::default()).judged_by(|_| Some(verdict_without_garbage));
}

/// A function that must not be used in an outbox: it traps if the reply is no Candid.
fn verdict_without_garbage(reply: &[u8]) -> Verdict {
    if reply.starts_with(b"DIDL") { Verdict::Done } else { trap("garbage") }
}

/// Appends `n` idempotent calls to each callee to an outbox, which traps if a reply is no Candid.
#[ic_cdk::update]
fn enqueue(callees: Vec<Principal>, n: u64) {
    let pings = callees.into_iter().flat_map(|callee| pings(callee, n)).map(Request::idempotent);
    OUTBOX.with(|outbox| {
        outbox.start(&Canister);
        outbox.enqueue(pings).unwrap_or_else(|error| trap(error.to_string()));
    });
}

/// The number of calls of the outbox without an outcome, of successful ones, and of unknown ones.
#[ic_cdk::query]
fn outbox_counts() -> (u64, u64, u64) {
    let status = OUTBOX.with(Outbox::status);
    (status.waiting + status.open, status.summary.succeeded, status.summary.unknown())
}

#[ic_cdk::pre_upgrade]
fn pre_upgrade() {
    if let Err(reason) = ready_for_upgrade() {
        trap(reason);
    }
}

ic_cdk::export_candid!();
