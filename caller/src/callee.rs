//! The canister to call (the callee). A controller sets it, and stable memory keeps it. If no controller has set one,
//! an environment variable names it.

use std::cell::RefCell;

use candid::Principal;
use ic_cdk::api::{canister_self, env_var_name_exists, env_var_value};
use ic_stable_structures::StableCell;

use crate::memory::{self, Memory};

/// The environment variable in which `icp deploy` puts the id of the canister named `callee`.
const ENVIRONMENT_VARIABLE: &str = "PUBLIC_CANISTER_ID:callee";

const NOT_CONFIGURED: &str = "no callee is configured; run: \
    dfx canister call caller setup_callee \"(principal \\\"$(dfx canister id callee)\\\")\" \
    (or: icp canister call caller setup_callee '(principal \"<id of the callee>\")')";

thread_local! {
    static CALLEE: RefCell<StableCell<Option<Principal>, Memory>> =
        RefCell::new(StableCell::init(memory::get(memory::CALLEE), None));
}

/// Sets the canister to call.
pub fn set(id: Principal) {
    CALLEE.with_borrow_mut(|callee| callee.set(Some(id)));
}

/// The canister to call.
///
/// # Panics
///
/// Traps if no callee is known. The guards of the methods reject a message before this can happen.
pub fn configured() -> Principal {
    find().unwrap_or_else(|reason| ic_cdk::trap(reason))
}

/// The canister to call: the one that a controller set, or else the one that the environment variable names.
///
/// # Errors
///
/// The reason, if no controller has set a callee and the environment variable is missing or does not name a possible
/// callee.
pub fn find() -> Result<Principal, String> {
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

/// Checks that `id` can be the callee. `own` is the id of the caller.
///
/// # Errors
///
/// The reason, if `id` is not another canister.
pub fn check(id: Principal, own: Principal) -> Result<(), String> {
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
}
