//! Calls of ICRC-1 and ICRC-2 ledgers, and what their replies mean: the types of the standards
//! ([ICRC-1](https://github.com/dfinity/ICRC-1/tree/main/standards/ICRC-1),
//! [ICRC-2](https://github.com/dfinity/ICRC-1/tree/main/standards/ICRC-2)), as far as the examples need them.

use std::time::Duration;

use candid::{CandidType, Nat, Principal};
use parallel_calls::{ReplyError, Request, Verdict, decode_reply};
use serde::Deserialize;

/// After this time, a ledger has forgotten a transfer, and refuses to make it: 24 hours, the example of the standard
/// and the value of DFINITY's ledgers, and an hour because clocks differ. Before, the ledger refuses to make the same
/// transfer twice ([`Duplicate`](TransferError::Duplicate)). After it, the ledger refuses the transfer in any case
/// ([`TooOld`](TransferError::TooOld)).
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(25 * 60 * 60);

/// An account of a ledger. An owner has many accounts: one without a subaccount, and one for each subaccount of 32
/// bytes.
#[derive(CandidType, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Who can transfer the tokens of the account.
    pub owner: Principal,
    /// 32 bytes.
    pub subaccount: Option<Vec<u8>>,
}

/// The argument of `icrc1_transfer`.
#[derive(CandidType, Clone, Debug)]
pub struct TransferArg {
    /// The subaccount of the caller whose tokens are transferred.
    pub from_subaccount: Option<Vec<u8>>,
    /// The account that receives the tokens.
    pub to: Account,
    /// How much this account receives.
    pub amount: Nat,
    /// The fee that the caller expects, in addition to the amount. `None`: any fee.
    pub fee: Option<Nat>,
    /// At most 32 bytes. Makes two otherwise equal transfers different.
    pub memo: Option<Vec<u8>>,
    /// When the transfer was made first, in nanoseconds since 1970. Two transfers that are equal in all fields are the
    /// same transfer, and the ledger makes it once. Without a time, the ledger makes a transfer as often as it is asked
    /// to.
    pub created_at_time: Option<u64>,
}

/// The argument of `icrc2_transfer_from`. The fields are like those of [`TransferArg`].
#[derive(CandidType, Clone, Debug)]
pub struct TransferFromArg {
    /// The subaccount of the caller that the owner of the tokens approved.
    pub spender_subaccount: Option<Vec<u8>>,
    /// The account whose tokens are transferred.
    pub from: Account,
    /// The account that receives the tokens.
    pub to: Account,
    /// How much this account receives.
    pub amount: Nat,
    /// The fee.
    pub fee: Option<Nat>,
    /// The memo.
    pub memo: Option<Vec<u8>>,
    /// The time.
    pub created_at_time: Option<u64>,
}

/// Why a ledger did not make a transfer: the errors of `icrc1_transfer` and `icrc2_transfer_from`.
#[derive(CandidType, Deserialize, Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the standards explain the fields")]
pub enum TransferError {
    /// The ledger has another fee.
    BadFee { expected_fee: Nat },
    /// The amount is too small for a transfer to the minting account.
    BadBurn { min_burn_amount: Nat },
    /// The account has too few tokens.
    InsufficientFunds { balance: Nat },
    /// The owner of the tokens did not approve so many (only `icrc2_transfer_from`).
    InsufficientAllowance { allowance: Nat },
    /// The time of the transfer is so long ago that the ledger may have forgotten an earlier attempt.
    TooOld,
    /// The time of the transfer is in the future of the ledger's clock.
    CreatedInFuture { ledger_time: u64 },
    /// The ledger made the transfer earlier.
    Duplicate { duplicate_of: Nat },
    /// The ledger cannot make transfers at the moment.
    TemporarilyUnavailable,
    /// Any other error.
    GenericError { error_code: Nat, message: String },
}

/// The reply to a transfer: the index of its block, or an error.
pub type TransferResult = Result<Nat, TransferError>;

impl ReplyError for TransferError {
    fn verdict(&self) -> Verdict {
        match self {
            // An earlier attempt made this transfer.
            Self::Duplicate { .. } => Verdict::Done,
            // The clock of the ledger's subnet is behind the clock of the caller's subnet.
            Self::TemporarilyUnavailable | Self::CreatedInFuture { .. } => {
                Verdict::TryAgain(format!("{self:?}"))
            }
            Self::BadFee { .. }
            | Self::BadBurn { .. }
            | Self::InsufficientFunds { .. }
            | Self::InsufficientAllowance { .. }
            | Self::TooOld
            | Self::GenericError { .. } => Verdict::NotDone(format!("{self:?}")),
        }
    }
}

/// The call of `icrc1_transfer`. If the transfer has a time, then the call is idempotent.
pub fn transfer(ledger: Principal, argument: &TransferArg) -> Request {
    payment(ledger, "icrc1_transfer", argument, argument.created_at_time)
}

/// The call of `icrc2_transfer_from`. If the transfer has a time, then the call is idempotent.
pub fn transfer_from(ledger: Principal, argument: &TransferFromArg) -> Request {
    payment(ledger, "icrc2_transfer_from", argument, argument.created_at_time)
}

fn payment(
    ledger: Principal,
    method: &'static str,
    argument: impl CandidType,
    time: Option<u64>,
) -> Request {
    let request = Request::call(ledger, method, (argument,)).replying::<TransferResult>();
    if time.is_some() { request.idempotent() } else { request }
}

/// Decodes the reply to a transfer that is done: the index of the block, in which this attempt or an earlier one made
/// the transfer.
///
/// # Errors
///
/// The reason, if the reply is not that of a transfer that is done.
pub fn decode_block(reply: Vec<u8>) -> Result<Nat, String> {
    match decode_reply::<TransferResult>(reply)? {
        Ok(block) | Err(TransferError::Duplicate { duplicate_of: block }) => Ok(block),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[cfg(test)]
mod tests {
    use candid::encode_one;

    use super::*;

    /// What a reply means for the outcome of a transfer.
    fn verdict(result: TransferResult) -> Verdict {
        let ledger = Principal::anonymous();
        let account = Account { owner: ledger, subaccount: None };
        let argument = TransferArg {
            from_subaccount: None,
            to: account,
            amount: 1_u8.into(),
            fee: None,
            memo: None,
            created_at_time: None,
        };
        let verdict = transfer(ledger, &argument).verdict.expect("transfers are judged");
        verdict(&encode_one(result).expect("results are Candid"))
    }

    #[test]
    fn a_duplicate_is_done_and_has_the_block_of_the_first_attempt() {
        let duplicate = Err(TransferError::Duplicate { duplicate_of: 7_u8.into() });
        let reply = encode_one(&duplicate).expect("results are Candid");
        assert_eq!(decode_block(reply), Ok(7_u8.into()));
        assert_eq!(verdict(duplicate), Verdict::Done);
        assert_eq!(verdict(Ok(3_u8.into())), Verdict::Done);
    }

    #[test]
    fn a_ledger_that_is_unavailable_is_asked_again() {
        for error in [
            TransferError::TemporarilyUnavailable,
            TransferError::CreatedInFuture { ledger_time: 1 },
        ] {
            assert!(matches!(verdict(Err(error.clone())), Verdict::TryAgain(_)), "{error:?}");
        }
    }

    #[test]
    fn all_other_errors_are_final() {
        for error in [
            TransferError::BadFee { expected_fee: 10_u8.into() },
            TransferError::BadBurn { min_burn_amount: 10_u8.into() },
            TransferError::InsufficientFunds { balance: 0_u8.into() },
            TransferError::InsufficientAllowance { allowance: 0_u8.into() },
            TransferError::TooOld,
            TransferError::GenericError { error_code: 1_u8.into(), message: "no".into() },
        ] {
            assert!(matches!(verdict(Err(error.clone())), Verdict::NotDone(_)), "{error:?}");
        }
    }
}
