//! The list of payments, in stable memory.

use std::borrow::Cow;
use std::cell::RefCell;

use candid::{CandidType, Decode, Encode, Nat, Principal};
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};
use ic_stable_structures::storable::{Bound, Storable};
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap, StableCell};
use icrc1::Account;
use serde::Deserialize;

/// What is to be paid.
#[derive(CandidType, Deserialize, Clone)]
pub struct Payment {
    pub to: Account,
    pub amount: Nat,
}

/// A payment of the list, and what is known about its transfer.
#[derive(CandidType, Deserialize, Clone)]
pub struct Payout {
    pub payment: Payment,
    pub state: State,
}

/// What is known about a transfer.
#[derive(CandidType, Deserialize, Clone)]
pub enum State {
    /// The ledger has surely not made the transfer. After an attempt, this holds the reason.
    Due(Option<String>),
    /// The ledger may have made the transfer, or may still make it.
    Unknown(Attempt),
    /// The ledger has made the transfer, in this block.
    Paid(Nat),
}

/// A transfer as it was sent. Every further attempt sends it with the same time and fee.
#[derive(CandidType, Deserialize, Clone)]
pub struct Attempt {
    pub created_at_time: u64,
    pub fee: Nat,
    /// Why the outcome is unknown. `None` while the first call of the transfer is open.
    pub reason: Option<String>,
}

/// How many payments are in which state.
#[derive(CandidType, Default)]
pub struct Counts {
    pub due: u64,
    pub unknown: u64,
    pub paid: u64,
}

impl Storable for Payout {
    const BOUND: Bound = Bound::Unbounded;

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(Encode!(self).expect("payouts are Candid"))
    }

    fn into_bytes(self) -> Vec<u8> {
        self.to_bytes().into_owned()
    }

    /// After an upgrade, this decodes the payments that the earlier program has stored. So a new field must be an
    /// `Option`: in payments without the field, it is `None`. No variant may be removed.
    fn from_bytes(bytes: Cow<'_, [u8]>) -> Self {
        Decode!(&bytes, Self).expect("only payouts are stored")
    }
}

type Memory = VirtualMemory<DefaultMemoryImpl>;

thread_local! {
    static MEMORIES: RefCell<MemoryManager<DefaultMemoryImpl>> =
        RefCell::new(MemoryManager::init(DefaultMemoryImpl::default()));

    static LEDGER: RefCell<StableCell<Principal, Memory>> =
        RefCell::new(StableCell::init(memory(0), Principal::anonymous()));

    static PAYOUTS: RefCell<StableBTreeMap<u64, Payout, Memory>> =
        RefCell::new(StableBTreeMap::init(memory(1)));
}

/// The memory with this number. Never use a number again for something else: an upgrade keeps the contents.
fn memory(number: u8) -> Memory {
    MEMORIES.with_borrow(|memories| memories.get(MemoryId::new(number)))
}

/// The ledger that makes the transfers.
pub fn ledger() -> Principal {
    LEDGER.with_borrow(|cell| *cell.get())
}

pub fn set_ledger(ledger: Principal) {
    LEDGER.with_borrow_mut(|cell| cell.set(ledger));
}

/// Payments in the list. They have the numbers from 0.
pub fn len() -> u64 {
    PAYOUTS.with_borrow(|payouts| payouts.len())
}

pub fn append(payments: Vec<Payment>) {
    for payment in payments {
        put(len(), Payout { payment, state: State::Due(None) });
    }
}

pub fn get(number: u64) -> Option<Payout> {
    PAYOUTS.with_borrow(|payouts| payouts.get(&number))
}

pub fn put(number: u64, payout: Payout) {
    PAYOUTS.with_borrow_mut(|payouts| payouts.insert(number, payout));
}

/// The numbers of the payments that are not paid, as far as is known.
pub fn unpaid() -> Vec<u64> {
    PAYOUTS.with_borrow(|payouts| {
        let unpaid = payouts.iter().filter(|entry| !matches!(entry.value().state, State::Paid(_)));
        unpaid.map(|entry| *entry.key()).collect()
    })
}

/// Counts the payments of the whole list.
pub fn counts() -> Counts {
    let mut counts = Counts::default();
    PAYOUTS.with_borrow(|payouts| {
        for entry in payouts.iter() {
            match entry.value().state {
                State::Due(_) => counts.due += 1,
                State::Unknown(_) => counts.unknown += 1,
                State::Paid(_) => counts.paid += 1,
            }
        }
    });
    counts
}
