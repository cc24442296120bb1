//! Balances of a ledger.

use crate::limits::{
    FAKE_LEDGER_PERMITTED_DRIFT_SECONDS as DRIFT, FAKE_LEDGER_TRANSACTION_WINDOW_SECONDS as WINDOW,
};
use crate::types::{CanisterId, Time};
use candid::Principal;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Why a transaction is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    InsufficientFunds { balance: u128 },
    BadFee { expected_fee: u128 },
    TooOld,
    CreatedInFuture { ledger_time: u64 },
    Duplicate(Done),
}

/// A transaction that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Its number.
    pub(super) block: u64,
    /// The canister it made.
    pub(super) canister: Option<CanisterId>,
}

/// A transaction as it is asked for.
pub(super) struct Transaction {
    /// What distinguishes it from others.
    hash: [u8; 32],
    created_at: Option<u64>,
}

impl Transaction {
    pub(super) fn new(
        sender: Principal,
        method: &str,
        argument: &[u8],
        created_at: Option<u64>,
    ) -> Self {
        let mut hash = Sha256::new();
        for part in [sender.as_slice(), method.as_bytes(), argument] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self { hash: hash.finalize().into(), created_at }
    }
}

/// The accounts of a ledger, each of which starts with plenty. They are named by `A`.
#[derive(Debug)]
pub(super) struct Accounts<A> {
    /// What an account has that nothing has happened to.
    plenty: u128,
    fee: u128,
    balances: BTreeMap<A, u128>,
    blocks: u64,
    /// Transactions that say when they were created, which are done once, by that time and hash.
    recent: BTreeMap<(u64, [u8; 32]), Done>,
}

impl<A: Ord> Accounts<A> {
    pub(super) const fn new(plenty: u128, fee: u128) -> Self {
        Self { plenty, fee, balances: BTreeMap::new(), blocks: 0, recent: BTreeMap::new() }
    }

    pub(super) fn balance(&self, account: &A) -> u128 {
        self.balances.get(account).copied().unwrap_or(self.plenty)
    }

    pub(super) fn fee(&self) -> u128 {
        self.fee
    }

    /// Fails if a transaction is too old, too new, or was done before.
    pub(super) fn check_new(
        &mut self,
        transaction: &Transaction,
        now: Time,
    ) -> Result<(), Refusal> {
        let Some(created_at) = transaction.created_at else { return Ok(()) };
        let created = Time::from_nanos(created_at);
        if created > now.plus_secs(DRIFT) {
            return Err(Refusal::CreatedInFuture { ledger_time: now.as_nanos() });
        }
        if created.plus_secs(WINDOW + DRIFT) < now {
            return Err(Refusal::TooOld);
        }
        let is_recent = |at: u64| Time::from_nanos(at).plus_secs(WINDOW + DRIFT) >= now;
        while let Some(first) = self.recent.first_entry().filter(|first| !is_recent(first.key().0))
        {
            first.remove();
        }
        match self.recent.get(&(created_at, transaction.hash)) {
            Some(done) => Err(Refusal::Duplicate(done.clone())),
            None => Ok(()),
        }
    }

    /// Fails unless the fee is named rightly, if it is named.
    pub(super) fn check_fee(&self, named: Option<u128>) -> Result<(), Refusal> {
        match named {
            Some(fee) if fee != self.fee => Err(Refusal::BadFee { expected_fee: self.fee }),
            _ => Ok(()),
        }
    }

    /// Fails unless an account has an amount and the fee.
    pub(super) fn check_funds(&self, from: &A, amount: u128) -> Result<(), Refusal> {
        let balance = self.balance(from);
        match amount.checked_add(self.fee) {
            Some(needed) if needed <= balance => Ok(()),
            _ => Err(Refusal::InsufficientFunds { balance }),
        }
    }

    /// Takes an amount, which is there, and the fee.
    pub(super) fn take(&mut self, from: A, amount: u128) {
        let left = self.balance(&from) - amount - self.fee;
        self.balances.insert(from, left);
    }

    pub(super) fn give(&mut self, to: A, amount: u128) {
        let balance = self.balance(&to).saturating_add(amount);
        self.balances.insert(to, balance);
    }

    /// Moves an amount from one account to another, and numbers that.
    pub(super) fn transfer(
        &mut self,
        [from, to]: [A; 2],
        amount: u128,
        fee: Option<u128>,
        transaction: &Transaction,
        now: Time,
    ) -> Result<u64, Refusal> {
        self.check_new(transaction, now)?;
        self.check_fee(fee)?;
        self.check_funds(&from, amount)?;
        self.take(from, amount);
        self.give(to, amount);
        Ok(self.note(transaction, None))
    }

    /// Numbers a transaction that is done.
    pub(super) fn note_undated(&mut self) -> u64 {
        let block = self.blocks;
        self.blocks += 1;
        block
    }

    /// Numbers a transaction that is done, and remembers it for as long as it could come again.
    pub(super) fn note(&mut self, transaction: &Transaction, canister: Option<CanisterId>) -> u64 {
        let block = self.note_undated();
        if let Some(created_at) = transaction.created_at {
            self.recent.insert((created_at, transaction.hash), Done { block, canister });
        }
        block
    }
}
