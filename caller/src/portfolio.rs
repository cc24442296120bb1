//! Three questions to three different canisters: each answer, or a default and why.

use std::time::Duration;

use candid::{CandidType, Principal};
use futures::future::join3;
use parallel_calls::canister::Canister;
use parallel_calls::{Leg, Part, Request, count_answered};
use wire::Encode;

/// How long each canister has to answer.
const DEADLINE: Duration = Duration::from_secs(30);

wire::record! {
    /// Whom to ask about, and whom to ask.
    #[derive(CandidType)]
    pub struct PortfolioRequest {
        pub user: Principal,
        pub token: Principal,
        pub lending: Principal,
        pub staking: Principal,
    }
}

wire::record! {
    /// What somebody has.
    #[derive(CandidType)]
    pub struct Portfolio {
        pub user: Principal,
        pub balance: Amount,
        pub lending: Amount,
        pub staking: Amount,
        pub answered: u32,
    }
}

wire::variant! {
    /// An amount of the portfolio.
    #[derive(CandidType)]
    pub enum Amount {
        /// As the canister says.
        Answered(u128),
        /// As assumed without its answer.
        Missing(Missing),
    }
}

wire::record! {
    /// An amount that nobody confirmed.
    #[derive(CandidType)]
    pub struct Missing {
        pub default: u128,
        pub reason: String,
    }
}

wire::record! {
    /// An account of ICRC-1 ledgers.
    struct Account {
        owner: Principal,
        subaccount: Option<Vec<u8>>,
    }
}

/// Asks all three at once: whatever becomes of one question, the others are answered, and the slowest answer decides
/// how long it takes.
pub async fn get(
    PortfolioRequest { user, token, lending, staking }: PortfolioRequest,
) -> Portfolio {
    let account = Account { owner: user, subaccount: None };
    let (balance, lending, staking) = join3(
        question(token, "icrc1_balance_of", &(account,)).call(&Canister),
        question(lending, "get_position", &(user,)).call(&Canister),
        question(staking, "get_rewards", &(user,)).call(&Canister),
    )
    .await;
    Portfolio {
        user,
        answered: count_answered([&balance.missing, &lending.missing, &staking.missing]),
        balance: balance.into(),
        lending: lending.into(),
        staking: staking.into(),
    }
}

/// A question that is answered by an amount, of which nothing is assumed but 0.
fn question<A: wire::Arguments + Encode>(
    canister: Principal,
    method: &'static str,
    arguments: &A,
) -> Leg<u128, impl FnOnce(Vec<u8>) -> Result<u128, String>> {
    let request = Request::new(canister, method).with_argument(wire::encode(arguments));
    let amount = |reply: Vec<u8>| match wire::decode(&reply) {
        Ok((amount,)) => Ok(amount),
        Err(error) => Err(error.as_str().into()),
    };
    Leg::new(request, amount, 0).within(DEADLINE)
}

impl From<Part<u128>> for Amount {
    fn from(part: Part<u128>) -> Self {
        match part.missing {
            None => Self::Answered(part.value),
            Some(reason) => {
                Self::Missing(Missing { default: part.value, reason: reason.to_string() })
            }
        }
    }
}
