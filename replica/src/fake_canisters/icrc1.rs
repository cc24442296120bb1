//! The Candid types of the ICRC-1 standard.

use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};

/// An ICRC-1 account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, CandidType, Deserialize, Serialize)]
pub(super) struct Account {
    pub(super) owner: Principal,
    pub(super) subaccount: Option<serde_bytes::ByteBuf>,
}

impl Account {
    /// Creates an account. No subaccount means the subaccount of zeros.
    pub(super) fn new(owner: Principal, subaccount: Option<serde_bytes::ByteBuf>) -> Self {
        let is_default = |bytes: &serde_bytes::ByteBuf| bytes.iter().all(|byte| *byte == 0);
        Self { owner, subaccount: subaccount.filter(|bytes| !is_default(bytes)) }
    }

    pub(super) fn normal(self) -> Self {
        Self::new(self.owner, self.subaccount)
    }

    pub(super) fn to_normal(&self) -> Self {
        self.clone().normal()
    }
}

/// The argument of `icrc1_transfer`.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct TransferArgs {
    pub(super) from_subaccount: Option<serde_bytes::ByteBuf>,
    pub(super) to: Account,
    pub(super) amount: u128,
    pub(super) fee: Option<u128>,
    pub(super) memo: Option<serde_bytes::ByteBuf>,
    pub(super) created_at_time: Option<u64>,
}

/// The error of `icrc1_transfer`.
#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum TransferError {
    BadFee { expected_fee: u128 },
    BadBurn { min_burn_amount: u128 },
    InsufficientFunds { balance: u128 },
    TooOld,
    CreatedInFuture { ledger_time: u64 },
    Duplicate { duplicate_of: u128 },
    TemporarilyUnavailable,
    GenericError { error_code: u128, message: String },
}

/// Converts a refusal to an error type whose variants have the names of ICRC-1.
macro_rules! refusals {
    ($error:ty) => {
        impl From<$crate::fake_canisters::accounts::Refusal> for $error {
            fn from(refusal: $crate::fake_canisters::accounts::Refusal) -> Self {
                use $crate::fake_canisters::accounts::{ExecutedTransaction, Refusal};
                match refusal {
                    Refusal::InsufficientFunds { balance } => Self::InsufficientFunds { balance },
                    Refusal::BadFee { expected_fee } => Self::BadFee { expected_fee },
                    Refusal::TooOld => Self::TooOld,
                    Refusal::CreatedInFuture { ledger_time } => {
                        Self::CreatedInFuture { ledger_time }
                    }
                    Refusal::Duplicate(ExecutedTransaction { block, .. }) => {
                        Self::Duplicate { duplicate_of: block.into() }
                    }
                }
            }
        }
    };
}
pub(super) use refusals;

refusals!(TransferError);
