//! Which canister is called: checked when it is set, kept in stable memory.

use std::cell::RefCell;

use candid::Principal;
use ic_cdk::api::{canister_self, env_var_name_exists, env_var_value};
use ic_stable_structures::StableCell;

use crate::memory::{self, Memory};

/// The most calls one request may ask for.
///
/// `parallel_calls` makes all of them in one message. Each costs it about 25,000 instructions, half of them for system
/// calls, and 340 bytes of memory, whether it is sent or fails at once. So this many take 2.5 billion instructions, of
/// the 40 billion a message may execute, and 34 MB. A test keeps an eye on both.
pub const MAX_CALLS: u64 = 100_000;

/// Where `icp deploy` leaves the id of the canister named `callee`.
const ENVIRONMENT_VARIABLE: &str = "PUBLIC_CANISTER_ID:callee";

const NOT_CONFIGURED: &str = "no callee is configured; run: \
    dfx canister call caller setup_callee \"(principal \\\"$(dfx canister id callee)\\\")\" \
    (or: icp canister call caller setup_callee '(principal \"<id of the callee>\")')";

thread_local! {
    static CALLEE: RefCell<StableCell<Option<Principal>, Memory>> =
        RefCell::new(StableCell::init(memory::part(memory::CALLEE), None));
}

/// Keeps `id` as the canister to call, from now on and across upgrades.
pub fn set(id: Principal) -> Result<(), String> {
    check(id, canister_self())?;
    CALLEE.with_borrow_mut(|callee| callee.set(Some(id)));
    Ok(())
}

/// The canister to call, provided that `n` calls may be made.
pub fn for_calls(n: u64) -> Result<Principal, String> {
    if n > MAX_CALLS {
        return Err(format!("{n} calls are too many: the maximum is {MAX_CALLS}"));
    }
    configured()
}

/// The canister to call: the one that was set, else the one of the environment.
pub fn configured() -> Result<Principal, String> {
    match CALLEE.with_borrow(|callee| *callee.get()) {
        Some(id) => Ok(id),
        None => from_environment(),
    }
}

fn from_environment() -> Result<Principal, String> {
    if !env_var_name_exists(ENVIRONMENT_VARIABLE) {
        return Err(NOT_CONFIGURED.into());
    }
    let id = parse(&env_var_value(ENVIRONMENT_VARIABLE))?;
    check(id, canister_self())?;
    Ok(id)
}

fn parse(text: &str) -> Result<Principal, String> {
    Principal::from_text(text).map_err(|error| {
        format!("the environment variable {ENVIRONMENT_VARIABLE} holds no principal: {error}")
    })
}

/// Refuses what cannot be the callee of a caller with the id `own`.
fn check(id: Principal, own: Principal) -> Result<(), String> {
    let what = if id == Principal::anonymous() {
        "the anonymous principal is no canister"
    } else if id == Principal::management_canister() {
        "the management canister has no method `ping`"
    } else if id == own {
        "it is the caller itself"
    } else {
        return Ok(());
    };
    Err(format!("{id} cannot be the callee: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_is_another_canister() {
        let own = Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
        let other = Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 2, 1, 1]);
        assert_eq!(check(other, own), Ok(()));
        for (id, reason) in [
            (Principal::anonymous(), "anonymous"),
            (Principal::management_canister(), "management canister"),
            (own, "caller itself"),
        ] {
            let refusal = check(id, own).expect_err("no callee");
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    #[test]
    fn a_value_of_the_environment_that_is_no_principal_is_named() {
        let refusal = parse("callee").expect_err("no principal");
        assert!(refusal.contains(ENVIRONMENT_VARIABLE), "{refusal}");
        assert_eq!(parse("aaaaa-aa"), Ok(Principal::management_canister()));
    }

    #[test]
    fn too_many_calls_are_refused_before_anything_else_is_looked_at() {
        let refusal = for_calls(MAX_CALLS + 1).expect_err("too many");
        assert_eq!(refusal, "100001 calls are too many: the maximum is 100000");
    }
}
