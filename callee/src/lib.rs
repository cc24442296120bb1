//! The callee: a method `ping` that does nothing, so that a benchmark measures the call and nothing else, and three
//! methods that reply as a token ledger, a lending market and a staking pool do.

mod accounts;

use candid::{DecoderConfig, Principal, decode_one_with_config};
use ic_cdk::api::{accept_message, is_controller, msg_arg_data, msg_caller, msg_method_name};
use ic_cdk_macros::{inspect_message, query, update};

use accounts::{Account, UserAccount};

/// The work that decoding may spend on values that the guard does not need, in the units of `candid`: the same quota as
/// in the methods that `ic-cdk` generates.
const SKIPPING_QUOTA: usize = 10_000;

/// Does nothing and replies.
#[update]
fn ping() {}

/// Returns the balance of an account, as an ICRC-1 ledger does.
#[query(guard = "valid_subaccount")]
fn icrc1_balance_of(account: Account) -> u128 {
    accounts::balance_of(&account)
}

/// Returns the amount that a user has lent.
#[query]
fn get_position(user: Principal) -> u128 {
    accounts::holdings_of(user).position
}

/// Returns the rewards that a user has earned.
#[query]
fn get_rewards(user: Principal) -> u128 {
    accounts::holdings_of(user).rewards
}

/// Sets the three amounts of a user.
#[update(guard = "controllers_only")]
fn set_account(account: UserAccount) {
    accounts::set(account);
}

/// Refuses `set_account` from users who are not controllers, before the message costs this canister cycles.
#[inspect_message]
fn inspect_message() {
    if msg_method_name() == "set_account"
        && let Err(reason) = controllers_only()
    {
        // A trap tells the user the reason. Without `accept_message`, the message would be refused without a reason.
        ic_cdk::trap(reason);
    }
    accept_message();
}

/// Guard: rejects callers that do not control this canister.
fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        Ok(())
    } else {
        Err("only a controller of this canister may set accounts".into())
    }
}

/// Guard: rejects a subaccount of the wrong length. A guard ignores an argument that is not an account: the method
/// cannot decode it either, and traps.
fn valid_subaccount() -> Result<(), String> {
    let mut config = DecoderConfig::new();
    config.set_skipping_quota(SKIPPING_QUOTA);
    decode_one_with_config(&msg_arg_data(), &config)
        .map_or(Ok(()), |account: Account| account.check())
}

/// The Candid interface of this canister, in the section of the Wasm module where tools look for it.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "only a named section can carry metadata")]
#[unsafe(link_section = "icp:public candid:service")]
#[used]
static INTERFACE: [u8; include_bytes!("../callee.did").len()] = *include_bytes!("../callee.did");

#[cfg(test)]
mod tests {
    use candid_parser::utils::{CandidSource, service_equal};

    use super::*;

    #[test]
    fn the_endpoints_are_those_of_the_committed_interface() {
        candid::export_service!();
        let (served, committed) = (__export_service(), include_str!("../callee.did"));
        service_equal(CandidSource::Text(&served), CandidSource::Text(committed))
            .unwrap_or_else(|difference| panic!("{difference}\nserved:\n{served}"));
    }
}
