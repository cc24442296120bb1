//! The callee: one endpoint that does nothing, so that what is measured is the call, and three that say what there is of
//! a user, as a token ledger, a lending market and a staking pool would.
//!
//! The endpoints reply by hand with `wire`, which keeps the module small; so `candid_method` states the interface.

mod accounts;

use std::marker::PhantomData;

use accounts::{Account, UserAccount};
use candid::{Principal, candid_method};
use ic_cdk::api::{
    accept_message, is_controller, msg_caller, msg_method_name, msg_reject, msg_reply,
};
use ic_cdk_macros::{inspect_message, query, update};
use wire::Decode;

/// Does nothing and answers.
#[candid_method(update)]
#[update(manual_reply = true, hidden = true)]
fn ping() {
    msg_reply(wire::NOTHING);
}

/// The balance of an account, as of an ICRC-1 ledger.
#[candid_method(query)]
#[query(decode_with = "argument", manual_reply = true, hidden = true)]
fn icrc1_balance_of(account: Account) -> PhantomData<u128> {
    match accounts::balance_of(&account) {
        Ok(balance) => reply(balance),
        Err(reason) => {
            msg_reject(reason);
            PhantomData
        }
    }
}

/// What a user has lent.
#[candid_method(query)]
#[query(decode_with = "argument", manual_reply = true, hidden = true)]
fn get_position(user: Principal) -> PhantomData<u128> {
    reply(accounts::of(user).position)
}

/// What a user has earned.
#[candid_method(query)]
#[query(decode_with = "argument", manual_reply = true, hidden = true)]
fn get_rewards(user: Principal) -> PhantomData<u128> {
    reply(accounts::of(user).rewards)
}

/// Sets all that is said of a user.
#[candid_method(update)]
#[update(guard = "only_controllers", decode_with = "argument", manual_reply = true, hidden = true)]
fn set_account(account: UserAccount) {
    accounts::set(account);
    msg_reply(wire::NOTHING);
}

/// Keeps strangers from spending this canister's cycles on a refusal.
#[inspect_message]
fn inspect_message() {
    if msg_method_name() == "set_account"
        && let Err(reason) = only_controllers()
    {
        // Not to accept would say less.
        ic_cdk::trap(reason);
    }
    accept_message();
}

/// Guards an endpoint: who is not a controller of this canister gets a reject.
fn only_controllers() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        Ok(())
    } else {
        Err("only a controller of this canister may set accounts".into())
    }
}

fn reply(number: u128) -> PhantomData<u128> {
    msg_reply(wire::encode(&(number,)));
    PhantomData
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
static INTERFACE: [u8; include_bytes!("../callee.did").len()] = *include_bytes!("../callee.did");

#[cfg(test)]
mod tests {
    use super::*;
    use candid_parser::utils::{CandidSource, service_equal};

    candid::export_service!();

    #[test]
    fn the_committed_interface_is_the_one_the_code_serves() {
        let code = __export_service();
        let committed = include_str!("../callee.did");
        service_equal(CandidSource::Text(&code), CandidSource::Text(committed))
            .expect("callee.did should say what the endpoints take and return");
    }
}
