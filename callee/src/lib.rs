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

wire::interface!("../callee.did");
