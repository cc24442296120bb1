//! The fake cycles ledger: accounts whose cycles create and top up canisters.

use super::accounts::{Accounts, ExecutedTransaction, Refusal, Transaction};
use super::creation::CreationArgs;
use super::icrc1::{self, Account, TransferArgs, TransferError};
use super::icrc2::{AllowanceArgs, ApproveArgs, TransferFrom, TransferFromArgs};
use super::{Surroundings, decode, respond};
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::limits::{FAKE_LEDGER_FEE_CYCLES, FAKE_LEDGER_INITIAL_CYCLES};
use crate::types::*;
use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct WithdrawArgs {
    pub(super) amount: u128,
    pub(super) from_subaccount: Option<serde_bytes::ByteBuf>,
    pub(super) to: Principal,
    pub(super) created_at_time: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum RejectionCode {
    NoError,
    CanisterError,
    SysTransient,
    DestinationInvalid,
    Unknown,
    SysFatal,
    CanisterReject,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum WithdrawError {
    GenericError {
        message: String,
        error_code: u128,
    },
    TemporarilyUnavailable,
    FailedToWithdraw {
        fee_block: Option<u128>,
        rejection_code: RejectionCode,
        rejection_reason: String,
    },
    Duplicate {
        duplicate_of: u128,
    },
    BadFee {
        expected_fee: u128,
    },
    InvalidReceiver {
        receiver: Principal,
    },
    CreatedInFuture {
        ledger_time: u64,
    },
    TooOld,
    InsufficientFunds {
        balance: u128,
    },
}

icrc1::refusals!(WithdrawError);

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct CreateCanisterArgs {
    pub(super) from_subaccount: Option<serde_bytes::ByteBuf>,
    pub(super) created_at_time: Option<u64>,
    pub(super) amount: u128,
    pub(super) creation_args: Option<CreationArgs>,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) struct CreateCanisterSuccess {
    pub(super) block_id: u128,
    pub(super) canister_id: Principal,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum CreateCanisterError {
    InsufficientFunds { balance: u128 },
    TooOld,
    CreatedInFuture { ledger_time: u64 },
    TemporarilyUnavailable,
    Duplicate { duplicate_of: u128, canister_id: Option<Principal> },
    FailedToCreate { fee_block: Option<u128>, refund_block: Option<u128>, error: String },
    GenericError { message: String, error_code: u128 },
}

impl From<Refusal> for CreateCanisterError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InsufficientFunds { balance } => Self::InsufficientFunds { balance },
            Refusal::BadFee { expected_fee } => {
                Self::GenericError { message: format!("the fee is {expected_fee}"), error_code: 0 }
            }
            Refusal::TooOld => Self::TooOld,
            Refusal::CreatedInFuture { ledger_time } => Self::CreatedInFuture { ledger_time },
            Refusal::Duplicate(ExecutedTransaction { block, canister: canister_id }) => {
                let canister_id = canister_id.map(Principal::from);
                Self::Duplicate { duplicate_of: block.into(), canister_id }
            }
        }
    }
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct DepositArgs {
    pub(super) to: Account,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) struct DepositResult {
    pub(super) balance: u128,
    pub(super) block_index: u128,
}

/// The fake cycles ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CyclesLedger(Accounts<Account>);

impl Default for CyclesLedger {
    fn default() -> Self {
        let anonymous = Account::new(Principal::anonymous(), None);
        Self(Accounts::new(FAKE_LEDGER_INITIAL_CYCLES, FAKE_LEDGER_FEE_CYCLES, anonymous))
    }
}

impl CyclesLedger {
    /// Executes an update call. Returns `None` if the ledger has no such update method.
    pub(super) fn update(
        &mut self,
        sender: Principal,
        method: &str,
        argument: &[u8],
        surroundings: &mut Surroundings,
    ) -> Option<Result<Payload, UserError>> {
        self.0.fund(sender, Account::new(sender, None));
        let transaction = |created_at| Transaction::new(sender, method, argument, created_at);
        Some(match method {
            "icrc1_transfer" => respond(argument, |args: TransferArgs| {
                let transaction = transaction(args.created_at_time);
                let accounts = [Account::new(sender, args.from_subaccount), args.to.normal()];
                let (amount, fee, now) = (args.amount, args.fee, surroundings.network.time());
                let done = self.0.transfer(accounts, amount, fee, &transaction, now);
                done.map(u128::from).map_err(TransferError::from)
            }),
            "icrc2_approve" => respond(argument, |args: ApproveArgs| {
                let transaction = transaction(args.created_at_time);
                let now = surroundings.network.time();
                self.0.approve(sender, args, Account::to_normal, &transaction, now)
            }),
            "icrc2_transfer_from" => respond(argument, |args: TransferFromArgs| {
                let transaction = transaction(args.created_at_time);
                let spender = Account::new(sender, args.spender_subaccount);
                let (from, to) = (args.from.normal(), args.to.normal());
                let TransferFromArgs { amount, fee, .. } = args;
                let transfer = TransferFrom { spender, from, to, amount, fee };
                let now = surroundings.network.time();
                self.0.transfer_from(transfer, &transaction, now).map(u128::from)
            }),
            "withdraw" => respond(argument, |args: WithdrawArgs| {
                let transaction = transaction(args.created_at_time);
                self.withdraw(sender, args, &transaction, surroundings)
            }),
            "create_canister" => respond(argument, |args: CreateCanisterArgs| {
                let transaction = transaction(args.created_at_time);
                self.create_canister(sender, args, &transaction, surroundings)
            }),
            _ => return None,
        })
    }

    /// Executes a query. Returns `None` if the ledger has no such query method.
    pub(super) fn query(
        &self,
        sender: Principal,
        method: &str,
        argument: &[u8],
        now: Time,
    ) -> Option<Result<Payload, UserError>> {
        let Self(accounts) = self;
        Some(match method {
            "icrc2_allowance" => respond(argument, |args: AllowanceArgs| {
                accounts.allowance(&(args.account.normal(), args.spender.normal()), now)
            }),
            "icrc1_balance_of" => respond(argument, |account: Account| {
                accounts.balance_for(sender, &Account::new(sender, None), &account.normal())
            }),
            "icrc1_decimals" => Ok(encode((12_u8,))),
            "icrc1_symbol" => Ok(encode(("TCYCLES",))),
            "icrc1_fee" => Ok(encode((accounts.fee(),))),
            _ => return None,
        })
    }

    /// Deposits the attached cycles of a call into an account, less the fee.
    pub(super) fn deposit(
        &mut self,
        argument: &[u8],
        cycles: Cycles,
    ) -> Result<Payload, UserError> {
        let DepositArgs { to } = decode(argument)?;
        let trap = |text| UserError::new(ErrorCode::CanisterCalledTrap, text);
        Ok(encode((self.deposit_to(to, cycles).map_err(trap)?,)))
    }

    /// Deposits cycles into an account, less the fee.
    ///
    /// # Errors
    ///
    /// A text for the user, if the cycles do not cover the fee.
    pub(super) fn deposit_to(
        &mut self,
        to: Account,
        cycles: Cycles,
    ) -> Result<DepositResult, String> {
        let Self(accounts) = self;
        let Some(amount) = cycles.checked_sub(accounts.fee()) else {
            return Err(format!("A deposit needs at least {} cycles for the fee", accounts.fee()));
        };
        let to = to.normal();
        accounts.credit(to.clone(), amount);
        let balance = accounts.balance(&to);
        let block_index = accounts.next_block().into();
        Ok(DepositResult { balance, block_index })
    }

    fn withdraw(
        &mut self,
        sender: Principal,
        args: WithdrawArgs,
        transaction: &Transaction,
        surroundings: &mut Surroundings,
    ) -> Result<u128, WithdrawError> {
        let Self(accounts) = self;
        let from = Account::new(sender, args.from_subaccount);
        accounts.check_new(transaction, surroundings.network.time())?;
        accounts.check_funds(&from, args.amount)?;
        surroundings.deposit(args.to.into(), args.amount).ok_or_else(|| {
            WithdrawError::FailedToWithdraw {
                fee_block: None,
                rejection_code: RejectionCode::DestinationInvalid,
                rejection_reason: format!("there is no canister {}", args.to),
            }
        })?;
        accounts.debit(from, args.amount);
        Ok(accounts.record(transaction, None).into())
    }

    /// Creates a canister. A creation that fails costs nothing, not even the fee.
    fn create_canister(
        &mut self,
        sender: Principal,
        args: CreateCanisterArgs,
        transaction: &Transaction,
        surroundings: &mut Surroundings,
    ) -> Result<CreateCanisterSuccess, CreateCanisterError> {
        let Self(accounts) = self;
        let from = Account::new(sender, args.from_subaccount);
        accounts.check_new(transaction, surroundings.network.time())?;
        accounts.check_funds(&from, args.amount)?;
        let canister_id = surroundings
            .create(sender, args.creation_args.unwrap_or_default(), args.amount)
            .map_err(|error| CreateCanisterError::FailedToCreate {
                fee_block: None,
                refund_block: None,
                error,
            })?;
        accounts.debit(from, args.amount);
        let block_id = accounts.record(transaction, Some(canister_id)).into();
        Ok(CreateCanisterSuccess { block_id, canister_id: canister_id.into() })
    }
}
