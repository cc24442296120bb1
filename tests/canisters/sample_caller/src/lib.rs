//! The caller, written as the official sample writes it: the general codec, calls with a bounded wait, the callee
//! from the environment. Built without regard to size, it stands in for the module that the figures of the real
//! server were taken with.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

use std::cell::Cell;

use candid::Principal;
use futures::future::join_all;
use ic_cdk::api::{env_var_name_exists, env_var_value};
use ic_cdk::call::Call;
use ic_cdk::update;

const CALLEE_VARIABLE: &str = "PUBLIC_CANISTER_ID:callee";

thread_local! {
    /// Read from the environment once; an upgrade forgets it.
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

#[update]
async fn parallel_calls(n: u64) -> u64 {
    let callee = callee();
    let calls = (0..n).map(|_| Call::bounded_wait(callee, "ping").into_future());
    join_all(calls).await.iter().filter(|answer| answer.is_ok()).count() as u64
}

ic_cdk::export_candid!();
