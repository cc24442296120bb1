//! The fake ICP ledger. Accounts are ICRC-1 accounts or account identifiers.

use super::accounts::{Accounts, ExecutedTransaction, Refusal, Transaction};
use super::icrc1::{Account, TransferArgs, TransferError};
use super::icrc2::{AllowanceArgs, ApproveArgs, TransferFrom, TransferFromArgs, TransferFromError};
use super::{decode, respond};
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::limits::{FAKE_LEDGER_FEE_E8S, FAKE_LEDGER_INITIAL_E8S, FAKE_LEDGER_TRANSFERS_MAX};
use crate::types::*;
use candid::{CandidType, Principal};
use flate2::Crc;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha224};
use std::collections::BTreeMap;

/// The hash in an account identifier, without the checksum.
type AccountHash = [u8; 28];

/// An amount of ICP, in e8s: hundred-millionths of an ICP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) struct Tokens {
    pub(super) e8s: u64,
}

impl Tokens {
    fn of(e8s: u128) -> Self {
        Self { e8s: u64::try_from(e8s).unwrap_or(u64::MAX) }
    }
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct Timestamp {
    pub(super) timestamp_nanos: u64,
}

/// The argument of `transfer`, the method from before ICRC-1.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct LegacyTransferArgs {
    pub(super) to: ByteBuf,
    pub(super) fee: Tokens,
    pub(super) memo: u64,
    pub(super) from_subaccount: Option<ByteBuf>,
    pub(super) created_at_time: Option<Timestamp>,
    pub(super) amount: Tokens,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum LegacyTransferError {
    TxTooOld { allowed_window_nanos: u64 },
    BadFee { expected_fee: Tokens },
    TxDuplicate { duplicate_of: u64 },
    TxCreatedInFuture,
    InsufficientFunds { balance: Tokens },
}

impl From<Refusal> for LegacyTransferError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InsufficientFunds { balance } => {
                Self::InsufficientFunds { balance: Tokens::of(balance) }
            }
            Refusal::BadFee { expected_fee } => {
                Self::BadFee { expected_fee: Tokens::of(expected_fee) }
            }
            Refusal::TooOld => Self::TxTooOld {
                allowed_window_nanos: crate::limits::FAKE_LEDGER_TRANSACTION_WINDOW_SECONDS
                    * NANOS_PER_SECOND,
            },
            Refusal::CreatedInFuture { .. } => Self::TxCreatedInFuture,
            Refusal::Duplicate(ExecutedTransaction { block, .. }) => {
                Self::TxDuplicate { duplicate_of: block }
            }
        }
    }
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct AccountBalanceArgs {
    pub(super) account: ByteBuf,
}

/// The hash of an account (`ledger-suite/icp`, `AccountIdentifier::new`).
fn hash_of(owner: Principal, subaccount: Option<&ByteBuf>) -> AccountHash {
    let mut hash = Sha224::new();
    hash.update(b"\x0Aaccount-id");
    hash.update(owner);
    // A short subaccount is filled with zeros. The rest of a long one is ignored.
    let mut bytes = [0; 32];
    for (byte, given) in bytes.iter_mut().zip(subaccount.into_iter().flatten()) {
        *byte = *given;
    }
    hash.update(bytes);
    hash.finalize().into()
}

/// The hash of an ICRC-1 account.
fn hash_of_account(account: &Account) -> AccountHash {
    hash_of(account.owner, account.subaccount.as_ref())
}

/// The number in a memo of ICRC-1: eight bytes, the least significant first. Any other memo counts as zero
/// (`nns/cmc/src/main.rs`, `get_u64_memo`).
fn memo(bytes: Option<ByteBuf>) -> u64 {
    bytes.and_then(|bytes| bytes.into_vec().try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The hash in an account identifier. `None` if the checksum, the first four bytes, is wrong.
fn hash_in(name: &ByteBuf) -> Option<AccountHash> {
    let (checksum, hash) = name.split_first_chunk()?;
    let mut sum = Crc::new();
    sum.update(hash);
    (sum.sum().to_be_bytes() == *checksum).then_some(hash.try_into().ok()?)
}

/// A transfer of ICP, as the cycles minting canister sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct IcpTransfer {
    from: AccountHash,
    to: AccountHash,
    pub(super) e8s: u128,
    pub(super) memo: u64,
}

impl IcpTransfer {
    /// Whether the transfer went to this account.
    pub(super) fn is_to(&self, owner: Principal, subaccount: &ByteBuf) -> bool {
        self.to == hash_of(owner, Some(subaccount))
    }
}

/// The fake ICP ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IcpLedger {
    accounts: Accounts<AccountHash>,
    /// The latest transfers by their block index, [`FAKE_LEDGER_TRANSFERS_MAX`] at most.
    transfers: BTreeMap<u64, IcpTransfer>,
}

impl Default for IcpLedger {
    fn default() -> Self {
        let accounts = Accounts::new(
            FAKE_LEDGER_INITIAL_E8S,
            FAKE_LEDGER_FEE_E8S,
            hash_of(Principal::anonymous(), None),
        );
        Self { accounts, transfers: BTreeMap::new() }
    }
}

impl IcpLedger {
    /// Executes an update call. Returns `None` if the ledger has no such update method.
    pub(super) fn update(
        &mut self,
        sender: Principal,
        method: &str,
        argument: &[u8],
        now: Time,
    ) -> Option<Result<Payload, UserError>> {
        self.accounts.fund(sender, hash_of(sender, None));
        let transaction = |created_at| Transaction::new(sender, method, argument, created_at);
        Some(match method {
            "icrc1_transfer" => respond(argument, |args: TransferArgs| {
                let transaction = transaction(args.created_at_time);
                let from = hash_of(sender, args.from_subaccount.as_ref());
                let to = hash_of(args.to.owner, args.to.subaccount.as_ref());
                let transfer = IcpTransfer { from, to, e8s: args.amount, memo: memo(args.memo) };
                let done = self.transfer(transfer, args.fee, &transaction, now);
                done.map(u128::from).map_err(TransferError::from)
            }),
            "transfer" => self.legacy_transfer(sender, argument, &transaction, now),
            "icrc2_approve" => respond(argument, |args: ApproveArgs| {
                let transaction = transaction(args.created_at_time);
                self.accounts.approve(sender, args, hash_of_account, &transaction, now)
            }),
            "icrc2_transfer_from" => respond(argument, |args: TransferFromArgs| {
                let transaction = transaction(args.created_at_time);
                self.transfer_from(sender, args, &transaction, now).map(u128::from)
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
        let Self { accounts, .. } = self;
        let balance =
            |account: &AccountHash| accounts.balance_for(sender, &hash_of(sender, None), account);
        Some(match method {
            "icrc1_balance_of" => {
                respond(argument, |account: Account| balance(&hash_of_account(&account)))
            }
            "account_balance" => respond(argument, |args: AccountBalanceArgs| {
                Tokens::of(hash_in(&args.account).map_or(0, |hash| balance(&hash)))
            }),
            "icrc2_allowance" => respond(argument, |args: AllowanceArgs| {
                let pair = (hash_of_account(&args.account), hash_of_account(&args.spender));
                accounts.allowance(&pair, now)
            }),
            "icrc1_decimals" => Ok(encode((8_u8,))),
            "icrc1_symbol" => Ok(encode(("ICP",))),
            "icrc1_fee" => Ok(encode((accounts.fee(),))),
            _ => return None,
        })
    }

    fn legacy_transfer(
        &mut self,
        sender: Principal,
        argument: &[u8],
        transaction: &impl Fn(Option<u64>) -> Transaction,
        now: Time,
    ) -> Result<Payload, UserError> {
        let args: LegacyTransferArgs = decode(argument)?;
        let transaction = transaction(args.created_at_time.map(|time| time.timestamp_nanos));
        let from = hash_of(sender, args.from_subaccount.as_ref());
        let to = hash_in(&args.to).ok_or_else(|| {
            let text = "The recipient is not an account identifier: 4 bytes of checksum and 28 bytes of hash";
            UserError::new(ErrorCode::CanisterCalledTrap, text)
        })?;
        let transfer = IcpTransfer { from, to, e8s: args.amount.e8s.into(), memo: args.memo };
        let done = self.transfer(transfer, Some(args.fee.e8s.into()), &transaction, now);
        Ok(encode((done.map_err(LegacyTransferError::from),)))
    }

    /// Executes a transfer, and remembers it. Returns the block index.
    fn transfer(
        &mut self,
        transfer: IcpTransfer,
        fee: Option<u128>,
        transaction: &Transaction,
        now: Time,
    ) -> Result<u64, Refusal> {
        let accounts = [transfer.from, transfer.to];
        let block = self.accounts.transfer(accounts, transfer.e8s, fee, transaction, now)?;
        self.remember(block, transfer);
        Ok(block)
    }

    fn transfer_from(
        &mut self,
        sender: Principal,
        args: TransferFromArgs,
        transaction: &Transaction,
        now: Time,
    ) -> Result<u64, TransferFromError> {
        let spender = hash_of(sender, args.spender_subaccount.as_ref());
        let (from, to) = (hash_of_account(&args.from), hash_of_account(&args.to));
        let TransferFromArgs { amount, fee, .. } = args;
        let transfer = TransferFrom { spender, from, to, amount, fee };
        let block = self.accounts.transfer_from(transfer, transaction, now)?;
        self.remember(block, IcpTransfer { from, to, e8s: amount, memo: memo(args.memo) });
        Ok(block)
    }

    fn remember(&mut self, block: u64, transfer: IcpTransfer) {
        self.transfers.insert(block, transfer);
        if self.transfers.len() > FAKE_LEDGER_TRANSFERS_MAX {
            self.transfers.pop_first();
        }
    }

    /// The transfer with this block index, unless the ledger has forgotten it.
    pub(super) fn transfer_at(&self, block: u64) -> Option<&IcpTransfer> {
        self.transfers.get(&block)
    }

    /// The block index of the oldest transfer that the ledger remembers.
    pub(super) fn oldest_transfer(&self) -> Option<u64> {
        self.transfers.first_key_value().map(|(block, _)| *block)
    }

    /// Burns what a transfer has brought to its receiver.
    pub(super) fn burn(&mut self, transfer: &IcpTransfer) {
        self.accounts.burn(transfer.to, transfer.e8s);
        self.accounts.next_block();
    }

    /// Sends what a transfer has brought back to its sender, without a fee. Returns the block index.
    pub(super) fn refund(&mut self, transfer: &IcpTransfer) -> u64 {
        self.accounts.burn(transfer.to, transfer.e8s);
        self.accounts.credit(transfer.from, transfer.e8s);
        self.accounts.next_block()
    }
}
