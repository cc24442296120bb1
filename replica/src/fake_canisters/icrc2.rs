//! Allowances of the fake ledgers: the ICRC-2 standard.

use super::accounts::{Accounts, Transaction};
use super::icrc1::{Account, refusals};
use crate::types::Time;
use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The argument of `icrc2_approve`.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct ApproveArgs {
    pub(super) from_subaccount: Option<ByteBuf>,
    pub(super) spender: Account,
    pub(super) amount: u128,
    pub(super) expected_allowance: Option<u128>,
    pub(super) expires_at: Option<u64>,
    pub(super) fee: Option<u128>,
    pub(super) created_at_time: Option<u64>,
}

/// The error of `icrc2_approve`.
#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum ApproveError {
    BadFee { expected_fee: u128 },
    InsufficientFunds { balance: u128 },
    AllowanceChanged { current_allowance: u128 },
    Expired { ledger_time: u64 },
    TooOld,
    CreatedInFuture { ledger_time: u64 },
    Duplicate { duplicate_of: u128 },
    TemporarilyUnavailable,
    GenericError { error_code: u128, message: String },
}

refusals!(ApproveError);

/// The argument of `icrc2_allowance`.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct AllowanceArgs {
    pub(super) account: Account,
    pub(super) spender: Account,
}

/// How much an account may transfer from another one, including fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, CandidType, Serialize, Deserialize)]
pub(super) struct Allowance {
    pub(super) allowance: u128,
    /// The time after which the allowance is zero, in nanoseconds since 1970.
    pub(super) expires_at: Option<u64>,
}

/// The argument of `icrc2_transfer_from`.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct TransferFromArgs {
    pub(super) spender_subaccount: Option<ByteBuf>,
    pub(super) from: Account,
    pub(super) to: Account,
    pub(super) amount: u128,
    pub(super) fee: Option<u128>,
    pub(super) memo: Option<ByteBuf>,
    pub(super) created_at_time: Option<u64>,
}

/// The error of `icrc2_transfer_from`.
#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum TransferFromError {
    BadFee { expected_fee: u128 },
    BadBurn { min_burn_amount: u128 },
    InsufficientFunds { balance: u128 },
    InsufficientAllowance { allowance: u128 },
    TooOld,
    CreatedInFuture { ledger_time: u64 },
    Duplicate { duplicate_of: u128 },
    TemporarilyUnavailable,
    GenericError { error_code: u128, message: String },
}

refusals!(TransferFromError);

/// A transfer from the account of somebody else.
pub(super) struct TransferFrom<A> {
    pub(super) spender: A,
    pub(super) from: A,
    pub(super) to: A,
    pub(super) amount: u128,
    pub(super) fee: Option<u128>,
}

impl<A: Ord + Clone> Accounts<A> {
    /// Executes `icrc2_approve`: sets an allowance. `id` is the ledger's name of an account. Returns the
    /// block index.
    pub(super) fn approve(
        &mut self,
        sender: Principal,
        args: ApproveArgs,
        id: impl Fn(&Account) -> A,
        transaction: &Transaction,
        now: Time,
    ) -> Result<u128, ApproveError> {
        let pair = (id(&Account::new(sender, args.from_subaccount)), id(&args.spender));
        if pair.0 == pair.1 {
            let message = "an account cannot be its own spender".to_owned();
            return Err(ApproveError::GenericError { error_code: 0, message });
        }
        self.check_new(transaction, now)?;
        self.check_fee(args.fee)?;
        let ledger_time = now.as_nanos();
        if args.expires_at.is_some_and(|time| time <= ledger_time) {
            return Err(ApproveError::Expired { ledger_time });
        }
        let current_allowance = self.allowance(&pair, now).allowance;
        if args.expected_allowance.is_some_and(|expected| expected != current_allowance) {
            return Err(ApproveError::AllowanceChanged { current_allowance });
        }
        self.check_funds(&pair.0, 0)?;
        self.debit(pair.0.clone(), 0);
        let allowance = Allowance { allowance: args.amount, expires_at: args.expires_at };
        self.set_allowance(pair, allowance);
        Ok(self.record(transaction, None).into())
    }

    /// Executes `icrc2_transfer_from`. Returns the block index.
    pub(super) fn transfer_from(
        &mut self,
        transfer: TransferFrom<A>,
        transaction: &Transaction,
        now: Time,
    ) -> Result<u64, TransferFromError> {
        let TransferFrom { spender, from, to, amount, fee } = transfer;
        let pair = (from.clone(), spender);
        // Everybody may transfer from their own account.
        let allowance = (pair.0 != pair.1).then(|| self.allowance(&pair, now));
        let needed = amount.saturating_add(self.fee());
        if let Some(Allowance { allowance, .. }) = allowance
            && allowance < needed
        {
            // The other reasons for a refusal come first.
            self.check_new(transaction, now)?;
            self.check_fee(fee)?;
            return Err(TransferFromError::InsufficientAllowance { allowance });
        }
        let block = self.transfer([from, to], amount, fee, transaction, now)?;
        if let Some(allowance) = allowance {
            let left = Allowance { allowance: allowance.allowance - needed, ..allowance };
            self.set_allowance(pair, left);
        }
        Ok(block)
    }
}
