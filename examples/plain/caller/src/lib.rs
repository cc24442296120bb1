//! The caller without the library of this project: only `ic-cdk` and `join_all`.
//!
//! The canister in `caller/` can do more with the library. Its windowed calls keep below the limit of 500 open calls,
//! so 2,000 calls all succeed. It learns the reason of each failure, and whether the failed call may have had an
//! effect. It repeats calls, and it refuses upgrades while calls are open. It also refuses messages from everyone but
//! its controllers; this canister lets everyone spend its cycles.

#![allow(missing_docs, reason = "`export_candid` generates a function without documentation")]

use std::cell::Cell;

use candid::Principal;
use futures::future::join_all;
use ic_cdk::api::{env_var_name_exists, env_var_value};
use ic_cdk::call::Call;
use ic_cdk::update;

/// The environment variable in which `icp deploy` puts the id of the canister named `callee`.
const CALLEE_VARIABLE: &str = "PUBLIC_CANISTER_ID:callee";

thread_local! {
    /// The id of the callee, once it was read from the environment variable. An upgrade clears it.
    static CALLEE: Cell<Option<Principal>> = const { Cell::new(None) };
}

fn callee() -> Principal {
    CALLEE.get().unwrap_or_else(|| {
        if !env_var_name_exists(CALLEE_VARIABLE) {
            ic_cdk::trap(format!("{CALLEE_VARIABLE} is not set"));
        }
        let id =
            Principal::from_text(env_var_value(CALLEE_VARIABLE)).expect("it holds a principal");
        CALLEE.set(Some(id));
        id
    })
}

/// Calls `ping` n times, one call after the other. Returns how many calls succeeded.
#[update]
async fn sequential_calls(n: u64) -> u64 {
    let callee = callee();
    let mut succeeded = 0;
    for _ in 0..n {
        if Call::bounded_wait(callee, "ping").await.is_ok() {
            succeeded += 1;
        }
    }
    succeeded
}

/// Calls `ping` n times at once. At most 500 calls to one canister can be open: the others fail. Returns how many calls
/// succeeded.
#[update]
async fn parallel_calls(n: u64) -> u64 {
    let callee = callee();
    let calls = (0..n).map(|_| Call::bounded_wait(callee, "ping").into_future());
    join_all(calls).await.iter().filter(|reply| reply.is_ok()).count() as u64
}

ic_cdk::export_candid!();
