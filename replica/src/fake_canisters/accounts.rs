//! The accounts of a fake ledger.

use super::icrc2::Allowance;
use crate::limits::{
    FAKE_LEDGER_PERMITTED_DRIFT_SECONDS as DRIFT, FAKE_LEDGER_TRANSACTION_WINDOW_SECONDS as WINDOW,
};
use crate::types::{CanisterId, Time};
use candid::Principal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Why a ledger refuses a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    InsufficientFunds { balance: u128 },
    BadFee { expected_fee: u128 },
    TooOld,
    CreatedInFuture { ledger_time: u64 },
    Duplicate(ExecutedTransaction),
}

/// An executed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExecutedTransaction {
    /// The block index of the transaction.
    pub(super) block: u64,
    /// The canister that the transaction created.
    pub(super) canister: Option<CanisterId>,
}

/// The identity of a requested transaction, for deduplication.
pub(super) struct Transaction {
    /// The hash of sender, method and argument.
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

/// Whether a principal belongs to a user with a key, and not to a canister (specification, "Principals").
fn is_user(principal: Principal) -> bool {
    const SELF_AUTHENTICATING: u8 = 2;
    principal.as_slice().last() == Some(&SELF_AUTHENTICATING)
}

/// The accounts of a ledger. `A` identifies an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de> + Ord"))]
pub(super) struct Accounts<A> {
    /// The balance that a user's account gets from the first use of the ledger.
    initial_balance: u128,
    fee: u128,
    balances: BTreeMap<A, u128>,
    /// Allowances by the account that grants and the account that spends.
    allowances: BTreeMap<(A, A), Allowance>,
    blocks: u64,
    /// The executed transactions with a `created_at_time`, by that time and their hash. A ledger executes
    /// each of them once.
    recent: BTreeMap<(u64, [u8; 32]), ExecutedTransaction>,
}

impl<A: Ord> Accounts<A> {
    /// A ledger in which only the account of the anonymous user has a balance.
    pub(super) fn new(initial_balance: u128, fee: u128, anonymous: A) -> Self {
        Self {
            initial_balance,
            fee,
            balances: BTreeMap::from([(anonymous, initial_balance)]),
            allowances: BTreeMap::new(),
            blocks: 0,
            recent: BTreeMap::new(),
        }
    }

    /// Gives the user who sends an update call an initial balance, if `own`, the user's account without a
    /// subaccount, never had tokens. Canisters get nothing.
    pub(super) fn fund(&mut self, sender: Principal, own: A) {
        if is_user(sender) {
            self.balances.entry(own).or_insert(self.initial_balance);
        }
    }

    /// The balance that the sender of a query sees. For the sender's `own` account, the balance includes what the
    /// sender's first update call will bring.
    pub(super) fn balance_for(&self, sender: Principal, own: &A, account: &A) -> u128 {
        match self.balances.get(account) {
            Some(balance) => *balance,
            None if account == own && is_user(sender) => self.initial_balance,
            None => 0,
        }
    }

    pub(super) fn balance(&self, account: &A) -> u128 {
        self.balances.get(account).copied().unwrap_or(0)
    }

    pub(super) fn fee(&self) -> u128 {
        self.fee
    }

    /// The allowance of a pair of accounts: the one that grants it, and the one that spends it.
    pub(super) fn allowance(&self, pair: &(A, A), now: Time) -> Allowance {
        let granted = self.allowances.get(pair).copied().unwrap_or_default();
        match granted.expires_at {
            Some(time) if Time::from_nanos(time) <= now => Allowance::default(),
            _ => granted,
        }
    }

    /// Sets the allowance of a pair of accounts.
    pub(super) fn set_allowance(&mut self, pair: (A, A), allowance: Allowance) {
        match allowance.allowance {
            0 => self.allowances.remove(&pair),
            _ => self.allowances.insert(pair, allowance),
        };
    }

    /// Checks that a transaction is neither too old, nor created in the future, nor a duplicate. Removes
    /// transactions that are too old for a duplicate.
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

    /// Checks the fee that the sender states, if any.
    pub(super) fn check_fee(&self, named: Option<u128>) -> Result<(), Refusal> {
        match named {
            Some(fee) if fee != self.fee => Err(Refusal::BadFee { expected_fee: self.fee }),
            _ => Ok(()),
        }
    }

    /// Checks that an account has an amount plus the fee.
    pub(super) fn check_funds(&self, from: &A, amount: u128) -> Result<(), Refusal> {
        let balance = self.balance(from);
        match amount.checked_add(self.fee) {
            Some(needed) if needed <= balance => Ok(()),
            _ => Err(Refusal::InsufficientFunds { balance }),
        }
    }

    /// Debits an amount plus the fee. The account must have both.
    pub(super) fn debit(&mut self, from: A, amount: u128) {
        self.burn(from, amount + self.fee);
    }

    /// Debits an amount without a fee. The account must have it.
    pub(super) fn burn(&mut self, from: A, amount: u128) {
        let left = self.balance(&from) - amount;
        self.balances.insert(from, left);
    }

    pub(super) fn credit(&mut self, to: A, amount: u128) {
        let balance = self.balance(&to).saturating_add(amount);
        self.balances.insert(to, balance);
    }

    /// Transfers an amount between two accounts. Returns the block index.
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
        self.debit(from, amount);
        self.credit(to, amount);
        Ok(self.record(transaction, None))
    }

    /// Assigns the next block index, to a transaction without deduplication.
    pub(super) fn next_block(&mut self) -> u64 {
        let block = self.blocks;
        self.blocks += 1;
        block
    }

    /// Assigns the next block index to an executed transaction, and records it for deduplication.
    pub(super) fn record(
        &mut self,
        transaction: &Transaction,
        canister: Option<CanisterId>,
    ) -> u64 {
        let block = self.next_block();
        if let Some(created_at) = transaction.created_at {
            self.recent
                .insert((created_at, transaction.hash), ExecutedTransaction { block, canister });
        }
        block
    }
}
