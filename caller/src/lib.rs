//! The caller: it calls `ping` of a callee `n` times, one call after the other, all at once, or in a window (a limited
//! number of calls at a time).
//!
//! Start reading here. The modules `run`, `jobs`, `outbox`, `portfolio` and `raw` hold the further methods, with their
//! types.

mod callee;
mod guards;
mod jobs;
mod memory;
mod outbox;
mod portfolio;
mod raw;
mod run;
mod window;

use std::iter::repeat_n;
use std::rc::Rc;

use candid::Principal;
use futures::future::join_all;
use ic_cdk_macros::{init, inspect_message, post_upgrade, pre_upgrade, update};
use parallel_calls::canister::{Canister, ready_for_upgrade};
use parallel_calls::{Request, Retry, call, windowed};

use window::planned_window;

/// Attempts per windowed call. A call is repeated, after a pause, if the system refused it for the moment: for example
/// if other messages of this canister use all slots to the callee.
const RETRY: Retry = Retry::attempts(5);

/// Sets the canister to call. Upgrades keep it.
#[update(guard = "guards::controllers_only", guard = "guards::possible_callee")]
fn setup_callee(id: Principal) {
    callee::set(id);
}

/// Calls `ping` n times, each call after the reply to the one before. Returns how many calls succeeded.
#[update(guard = "guards::controllers_only", guard = "guards::calls_allowed")]
async fn sequential_calls(n: u64) -> u64 {
    let ping = ping();
    let mut succeeded = 0;
    for _ in 0..n {
        if call(&Canister, ping.clone()).await.is_done() {
            succeeded += 1;
        }
    }
    succeeded
}

/// Calls `ping` n times at once. Returns how many calls succeeded: at most 500, because no more can be open.
#[update(guard = "guards::controllers_only", guard = "guards::calls_allowed")]
async fn parallel_calls(n: u64) -> u64 {
    let calls = repeat_n(ping(), n as usize).map(|ping| call(&Canister, ping));
    let outcomes = join_all(calls).await;
    outcomes.iter().filter(|outcome| outcome.is_done()).count() as u64
}

/// Calls `ping` n times, as many at once as slots and cycles allow. After each response, the next call is made.
/// Returns how many calls succeeded.
#[update(guard = "guards::controllers_only", guard = "guards::window_allowed")]
async fn windowed_calls(n: u64) -> u64 {
    let ping = ping();
    let window = planned_window(&ping, n);
    let pings = repeat_n(ping, n as usize);
    windowed(&Canister, pings, window, RETRY, |_, _| ()).await.succeeded
}

/// The call that all three methods make. Equal calls share one request.
///
/// The wait for the reply is bounded (300 s): a callee that never replies cannot keep this canister from being stopped.
fn ping() -> Rc<Request> {
    Rc::new(Request::new(callee::configured(), "ping"))
}

/// Refuses messages of users who are not controllers, before the messages cost this canister cycles.
#[inspect_message]
fn inspect_message() {
    guards::inspect();
}

/// Refuses an upgrade while calls are open, because their responses would arrive in the new program.
/// Stop the canister first, as `icp deploy` does: stopping waits for the responses.
#[pre_upgrade]
fn pre_upgrade() {
    if let Err(reason) = ready_for_upgrade() {
        ic_cdk::trap(reason);
    }
}

#[init]
fn init() {
    outbox::start();
}

/// Continues the unfinished jobs and the outbox.
#[post_upgrade]
fn post_upgrade() {
    jobs::resume();
    outbox::start();
}

/// The Candid interface of this canister, in the section of the Wasm module where tools look for it.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "only a named section can carry metadata")]
#[unsafe(link_section = "icp:public candid:service")]
#[used]
static INTERFACE: [u8; include_bytes!("../caller.did").len()] = *include_bytes!("../caller.did");

#[cfg(test)]
mod tests;
