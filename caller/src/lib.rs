//! The caller: the same calls to another canister, sequentially and in parallel.
//!
//! The endpoints reply by hand since they may also reject, and read their argument with `wire`, which keeps the
//! module small. `ic-cdk` then takes the argument for bytes, so `candid_method` states the interface in its place.

mod callee;

use std::marker::PhantomData;

use candid::{Principal, candid_method};
use ic_cdk::api::{msg_reject, msg_reply};
use ic_cdk::call::Call;
use ic_cdk_macros::update;
use parallel_calls::{parallel, sequential};
use wire::Decode;

/// Names the canister to call.
#[candid_method(update)]
#[update(
    guard = "callee::only_controllers",
    decode_with = "argument",
    manual_reply = true,
    hidden = true
)]
fn setup_callee(id: Principal) {
    match callee::set(id) {
        Ok(()) => msg_reply(wire::NOTHING),
        Err(reason) => msg_reject(reason),
    }
}

/// Pings the callee `n` times, one call after the other, and returns how many calls succeeded.
#[candid_method(update)]
#[update(decode_with = "argument", manual_reply = true, hidden = true)]
async fn sequential_calls(n: u64) -> PhantomData<u64> {
    match callee::for_calls(n) {
        Ok(callee) => msg_reply(wire::encode(&(sequential(n, || ping(callee)).await,))),
        Err(reason) => msg_reject(reason),
    }
    PhantomData
}

/// Pings the callee `n` times, all calls at once, and returns how many calls succeeded.
#[candid_method(update)]
#[update(decode_with = "argument", manual_reply = true, hidden = true)]
async fn parallel_calls(n: u64) -> PhantomData<u64> {
    match callee::for_calls(n) {
        Ok(callee) => msg_reply(wire::encode(&(parallel(n, || ping(callee)).await,))),
        Err(reason) => msg_reject(reason),
    }
    PhantomData
}

/// One call. Its wait is bounded: a callee that never answers cannot keep this canister from being stopped and
/// upgraded, and no memory is set aside for the answer. The price, an outcome that may stay unknown, is none for a
/// call that changes nothing.
fn ping(callee: Principal) -> Call<'static, 'static> {
    Call::bounded_wait(callee, "ping")
}

/// Decodes the one argument of an endpoint; traps on any other, as endpoints of `ic-cdk` do.
fn argument<T: Decode>(message: Vec<u8>) -> T {
    match wire::decode(&message) {
        Ok((argument,)) => argument,
        Err(error) => ic_cdk::trap(error.as_str()),
    }
}

/// The interface, where agents and command line tools look for it inside the module.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "only a named section can carry metadata")]
#[unsafe(link_section = "icp:public candid:service")]
#[used]
static INTERFACE: [u8; include_bytes!("../caller.did").len()] = *include_bytes!("../caller.did");

#[cfg(test)]
mod tests {
    use super::*;
    use candid_parser::utils::{CandidSource, service_equal};

    candid::export_service!();

    #[test]
    fn the_committed_interface_is_the_one_the_code_serves() {
        let code = __export_service();
        let committed = include_str!("../caller.did");
        service_equal(CandidSource::Text(&code), CandidSource::Text(committed))
            .expect("caller.did should say what the endpoints take and return");
    }
}
