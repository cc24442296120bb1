//! Asks several kinds of canisters about a user at the same time. Each value is a reply, or a default that is marked as
//! such, with the reason why there is no reply.

#![allow(missing_docs, reason = "`export_candid` generates a function without documentation")]

use std::time::Duration;

use candid::{CandidType, Nat, Principal};
use futures::future::join5;
use ic_cdk::api::{is_controller, msg_caller};
use ic_cdk::{pre_upgrade, update};
use icrc1::Account;
use parallel_calls::{
    Canister, Leg, Part, Request, Retry, Wait, Window, count_answered, fan_out_typed,
    ready_for_upgrade,
};
use serde::Deserialize;

/// How long each canister has for its reply.
const DEADLINE: Duration = Duration::from_secs(10);

/// The user to ask for, and the canisters to ask.
#[derive(CandidType, Deserialize)]
struct Question {
    user: Principal,
    /// An ICRC-1 ledger.
    token: Principal,
    /// A canister with the method `get_position`.
    lending: Principal,
    /// A canister with the method `get_rewards`.
    staking: Principal,
}

/// What the canisters know of a user.
#[derive(CandidType)]
struct Portfolio {
    user: Principal,
    symbol: Value<String>,
    decimals: Value<u8>,
    balance: Value<Nat>,
    position: Value<Nat>,
    rewards: Value<Nat>,
    /// How many of the five values are replies.
    answered: u32,
}

/// A reply, or a default.
#[derive(CandidType)]
struct Value<T: CandidType> {
    value: T,
    /// Why the value is the default. `None` if it is the reply.
    missing: Option<String>,
}

/// Asks all canisters at once. A canister that fails does not affect the others. The slowest one decides how long this
/// takes: at most the deadline.
#[update(guard = "controllers_only")]
async fn get_portfolio(question: Question) -> Portfolio {
    let Question { user, token, lending, staking } = question;
    let zero = Nat::default;
    let (symbol, decimals, balance, position, rewards) = join5(
        leg(Request::call(token, "icrc1_symbol", ()), "?".to_string()),
        leg(Request::call(token, "icrc1_decimals", ()), 0),
        leg(balance_of(token, user), zero()),
        leg(Request::call(lending, "get_position", (user,)), zero()),
        leg(Request::call(staking, "get_rewards", (user,)), zero()),
    )
    .await;
    let missing =
        [&symbol.missing, &decimals.missing, &balance.missing, &position.missing, &rewards.missing];
    Portfolio {
        user,
        answered: count_answered(missing),
        symbol: symbol.into(),
        decimals: decimals.into(),
        balance: balance.into(),
        position: position.into(),
        rewards: rewards.into(),
    }
}

/// Asks any number of ledgers for the balance of a user. All questions have the same type, so they fit into one
/// fan-out.
#[update(guard = "controllers_only")]
async fn get_balances(user: Principal, tokens: Vec<Principal>) -> Vec<Value<Nat>> {
    let requests =
        tokens.into_iter().map(|token| balance_of(token, user).with_wait(Wait::Bounded(DEADLINE)));
    let outcomes =
        fan_out_typed::<Nat, _>(&Canister, requests, Window::of(100), Retry::attempts(2)).await;
    outcomes.into_iter().map(|outcome| outcome.with_default(Nat::default()).into()).collect()
}

/// One question, with the value to use if there is no reply.
async fn leg<T>(request: Request, default: T) -> Part<T>
where
    T: CandidType + for<'de> Deserialize<'de>,
{
    Leg::typed(request, default).within(DEADLINE).call(&Canister).await
}

/// The question for a balance. It changes nothing, so it can be asked again.
fn balance_of(token: Principal, user: Principal) -> Request {
    let account = Account { owner: user, subaccount: None };
    Request::call(token, "icrc1_balance_of", (account,)).idempotent()
}

impl<T: CandidType> From<Part<T>> for Value<T> {
    fn from(part: Part<T>) -> Self {
        Self { value: part.value, missing: part.missing.map(|reason| reason.to_string()) }
    }
}

/// Guard: rejects everyone who does not control this canister, because the calls cost it cycles.
fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        return Ok(());
    }
    Err("only a controller of this canister may do that".into())
}

/// Refuses an upgrade while calls are open: their responses would arrive in the new program.
#[pre_upgrade]
fn pre_upgrade() {
    if let Err(reason) = ready_for_upgrade() {
        ic_cdk::trap(reason);
    }
}

ic_cdk::export_candid!();

#[cfg(test)]
mod tests {
    use candid_parser::utils::{CandidSource, service_equal};

    #[test]
    fn the_methods_are_those_of_the_committed_interface() {
        let (served, committed) = (super::__export_service(), include_str!("../portfolio.did"));
        service_equal(CandidSource::Text(&served), CandidSource::Text(committed))
            .unwrap_or_else(|difference| panic!("{difference}\nserved:\n{served}"));
    }
}
