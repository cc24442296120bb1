//! Three questions to three different canisters at once: for each a reply, or a default and the reason why there is no
//! reply.

use std::time::Duration;

use candid::utils::ArgumentEncoder;
use candid::{CandidType, DecoderConfig, Principal, decode_one_with_config, encode_args};
use futures::future::join3;
use ic_cdk_macros::update;
use parallel_calls::canister::Canister;
use parallel_calls::{Leg, Part, Request, count_answered};
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::guards;

/// How long to wait for the reply of each canister.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest amount of work for decoding a reply, in the units of `candid`. A hostile canister may reply with 2 MiB
/// that are not an amount.
const DECODING_QUOTA: usize = 10_000;

/// The user whose amounts to ask for, and the canisters to ask.
#[derive(CandidType, Deserialize)]
pub struct PortfolioRequest {
    pub user: Principal,
    pub token: Principal,
    pub lending: Principal,
    pub staking: Principal,
}

/// The amounts of a user in three canisters.
#[derive(CandidType)]
pub struct Portfolio {
    pub user: Principal,
    pub balance: Amount,
    pub lending: Amount,
    pub staking: Amount,
    pub answered: u32,
}

/// An amount of the portfolio.
#[derive(CandidType)]
pub enum Amount {
    /// The amount that the canister replied.
    Answered(u128),
    /// There is no usable reply.
    Missing(Missing),
}

/// The default that stands for an amount, and the reason why the amount is missing.
#[derive(CandidType)]
pub struct Missing {
    pub default: u128,
    pub reason: String,
}

/// An account of ICRC-1 ledgers.
#[derive(CandidType)]
struct Account {
    owner: Principal,
    subaccount: Option<ByteBuf>,
}

/// Asks three canisters at once. A question that fails does not affect the others. The slowest response decides how
/// long the portfolio takes.
#[update(guard = "guards::controllers_only")]
async fn get_portfolio(request: PortfolioRequest) -> Portfolio {
    let PortfolioRequest { user, token, lending, staking } = request;
    let account = Account { owner: user, subaccount: None };
    let (balance, lending, staking) = join3(
        question(token, "icrc1_balance_of", (account,)).call(&Canister),
        question(lending, "get_position", (user,)).call(&Canister),
        question(staking, "get_rewards", (user,)).call(&Canister),
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

/// A question whose reply is an amount, with 0 as the default.
fn question(
    canister: Principal,
    method: &'static str,
    arguments: impl ArgumentEncoder,
) -> Leg<u128, impl FnOnce(Vec<u8>) -> Result<u128, String>> {
    let argument = encode_args(arguments).expect("principals and accounts encode");
    let request = Request::new(canister, method).with_argument(argument);
    Leg::new(request, decode_amount, 0).within(DEADLINE)
}

fn decode_amount(reply: Vec<u8>) -> Result<u128, String> {
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(DECODING_QUOTA).set_full_error_message(false);
    decode_one_with_config(&reply, &config).map_err(|error| error.to_string())
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
