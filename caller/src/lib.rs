//! The caller: many calls to other canisters, made one after the other, all at once, or as many as fit.
//!
//! Every endpoint is a few lines over the fan-out library. Those that make calls or change anything are for controllers
//! only, since calls cost this canister cycles and take up the slots to its callee.
//!
//! The endpoints reply by hand since they may also reject, and read their arguments with `wire`, which keeps the
//! module small. `ic-cdk` then takes the arguments for bytes, so `candid_method` states the interface in its place.

mod access;
mod callee;
mod jobs;
mod memory;
mod portfolio;
mod raw;
mod run;

use std::marker::PhantomData;

use candid::{Principal, candid_method};
use ic_cdk::api::{msg_reject, msg_reply};
use ic_cdk::trap;
use ic_cdk_macros::{inspect_message, post_upgrade, pre_upgrade, query, update};
use parallel_calls::canister::ready_for_upgrade;
use wire::{Decode, Encode};

use access::controllers_only;
use jobs::{JobId, JobSpec, JobStatus};
use portfolio::{Portfolio, PortfolioRequest};
use raw::{RawOutcome, RawRequest};
use run::{Report, Strategy};

/// Names the canister to call.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
fn setup_callee(id: Principal) {
    match callee::set(id) {
        Ok(()) => msg_reply(wire::NOTHING),
        Err(reason) => msg_reject(reason),
    }
}

/// Pings the callee `n` times, one call after the other, and returns how many calls succeeded.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
async fn sequential_calls(n: u64) -> PhantomData<u64> {
    answer(run::run(Strategy::Sequential, n).await.map(|report| report.succeeded))
}

/// Pings the callee `n` times, all calls at once, and returns how many calls succeeded.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
async fn parallel_calls(n: u64) -> PhantomData<u64> {
    answer(run::run(Strategy::Parallel, n).await.map(|report| report.succeeded))
}

/// Pings the callee `n` times, as many calls at once as there is room for, and returns how many calls succeeded.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
async fn windowed_calls(n: u64) -> PhantomData<u64> {
    answer(run::run(Strategy::Windowed(None), n).await.map(|report| report.succeeded))
}

/// Pings the callee `n` times in one of the three ways, and tells how it went.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "arguments", manual_reply = true, hidden = true)]
async fn run(strategy: Strategy, n: u64) -> PhantomData<Report> {
    answer(run::run(strategy, n).await)
}

/// Begins to ping the callee more often than one message can see through.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
fn start_job(spec: JobSpec) -> PhantomData<Result<JobId, String>> {
    reply(jobs::start(spec))
}

/// How far a job is, if it is known.
#[candid_method(query)]
#[query(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
fn job_status(id: JobId) -> PhantomData<Option<JobStatus>> {
    reply(jobs::status(id))
}

/// Makes no further calls for a job.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
fn cancel_job(id: JobId) -> PhantomData<Result<(), String>> {
    reply(jobs::cancel(id))
}

/// What somebody has in three different canisters, asked at once.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
async fn get_portfolio(request: PortfolioRequest) -> PhantomData<Portfolio> {
    reply(portfolio::get(request).await)
}

/// Makes any calls, as many at once as there is room for, and tells what became of each, in their order.
#[candid_method(update)]
#[update(guard = "controllers_only", decode_with = "argument", manual_reply = true, hidden = true)]
async fn fan_out(requests: Vec<RawRequest>) -> PhantomData<Vec<RawOutcome>> {
    answer(raw::fan_out(requests).await)
}

#[inspect_message]
fn inspect_message() {
    access::inspect();
}

/// Refuses an upgrade while calls are open, since their answers would find another program in this one's place.
/// Stopping the canister first, as `icp deploy` does, waits for them.
#[pre_upgrade]
fn pre_upgrade() {
    if let Err(reason) = ready_for_upgrade() {
        trap(reason);
    }
}

#[post_upgrade]
fn post_upgrade() {
    jobs::resume();
}

/// The one argument of a message; traps on any other message, as endpoints of `ic-cdk` do.
fn argument<T>(message: Vec<u8>) -> T
where
    (T,): wire::Arguments + Decode,
{
    let (value,) = arguments(message);
    value
}

/// The arguments of a message; traps on any other message, as endpoints of `ic-cdk` do.
fn arguments<A: wire::Arguments + Decode>(message: Vec<u8>) -> A {
    wire::decode(&message).unwrap_or_else(|error| trap(error.as_str()))
}

/// Replies with a value, or rejects with the reason why there is none.
fn answer<T: Encode>(result: Result<T, String>) -> PhantomData<T> {
    match result {
        Ok(value) => reply(value),
        Err(reason) => {
            msg_reject(reason);
            PhantomData
        }
    }
}

fn reply<T: Encode>(value: T) -> PhantomData<T> {
    msg_reply(wire::encode(&(value,)));
    PhantomData
}

wire::interface!("../caller.did");
