//! The swaps, in stable memory.

use std::borrow::Cow;
use std::cell::RefCell;

use candid::{CandidType, Decode, Encode, Nat, Principal};
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};
use ic_stable_structures::storable::{Bound, Storable};
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap};
use serde::Deserialize;

/// What one of the two owners gives.
#[derive(CandidType, Deserialize, Clone)]
pub struct Offer {
    pub owner: Principal,
    pub ledger: Principal,
    /// How many tokens are taken from the owner.
    pub amount: Nat,
    /// The fee of the ledger. The owner pays it in addition when the tokens are taken. When they are given, the
    /// receiver gets so much less.
    pub fee: Nat,
}

/// A swap: two offers, and how far it is.
#[derive(CandidType, Deserialize, Clone)]
pub struct Swap {
    pub phase: Phase,
    pub sides: [Side; 2],
}

/// What a swap is doing.
#[derive(CandidType, Deserialize, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It takes the tokens of both owners. It stays in this phase as long as it is unknown whether tokens were taken.
    Taking,
    /// The tokens of both were taken. It gives each owner the tokens of the other.
    Exchanging,
    /// The tokens of one owner, or of both, were not taken. It returns tokens that were taken.
    Returning,
    /// Each owner has the tokens of the other.
    Exchanged,
    /// Each owner has the own tokens.
    Returned,
}

/// One side of a swap: the offer, and the two transfers of its tokens.
#[derive(CandidType, Deserialize, Clone)]
pub struct Side {
    pub offer: Offer,
    /// From the owner to the account of this side.
    pub taken: Transfer,
    /// From the account of this side to the other owner, or back to the owner.
    pub given: Transfer,
}

/// What is known about a transfer.
#[derive(CandidType, Deserialize, Clone)]
pub enum Transfer {
    /// The ledger has surely not made it. After an attempt, this holds the reason.
    NotMade(Option<String>),
    /// The ledger may have made it, or may still make it.
    Unknown(Attempt),
    /// The ledger has made it.
    Made,
}

/// A transfer as it was sent. Every further attempt sends it with the same time.
#[derive(CandidType, Deserialize, Clone)]
pub struct Attempt {
    pub created_at_time: u64,
    /// Why the outcome is unknown. `None` while the first call of the transfer is open.
    pub reason: Option<String>,
}

/// The two transfers of a side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Take,
    Give,
}

impl Side {
    pub fn new(offer: Offer) -> Self {
        Self { offer, taken: Transfer::NotMade(None), given: Transfer::NotMade(None) }
    }

    pub fn transfer(&mut self, step: Step) -> &mut Transfer {
        match step {
            Step::Take => &mut self.taken,
            Step::Give => &mut self.given,
        }
    }

    /// Whether tokens of this side lie, or may lie, in its account.
    pub fn holds_tokens(&self) -> bool {
        !matches!(self.taken, Transfer::NotMade(_)) && !matches!(self.given, Transfer::Made)
    }
}

impl Storable for Swap {
    const BOUND: Bound = Bound::Unbounded;

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(Encode!(self).expect("swaps are Candid"))
    }

    fn into_bytes(self) -> Vec<u8> {
        self.to_bytes().into_owned()
    }

    /// After an upgrade, this decodes the swaps that the earlier program has stored. So a new field must be an
    /// `Option`: in swaps without the field, it is `None`. No variant may be removed.
    fn from_bytes(bytes: Cow<'_, [u8]>) -> Self {
        Decode!(&bytes, Self).expect("only swaps are stored")
    }
}

type Memory = VirtualMemory<DefaultMemoryImpl>;

thread_local! {
    // The swaps occupy one of the 255 memories of the manager. So a later program can store further structures.
    static MEMORIES: RefCell<MemoryManager<DefaultMemoryImpl>> =
        RefCell::new(MemoryManager::init(DefaultMemoryImpl::default()));

    static SWAPS: RefCell<StableBTreeMap<u64, Swap, Memory>> =
        RefCell::new(StableBTreeMap::init(memory(0)));
}

/// The memory with this number. Never use a number again for something else: an upgrade keeps the contents.
fn memory(number: u8) -> Memory {
    MEMORIES.with_borrow(|memories| memories.get(MemoryId::new(number)))
}

/// Adds a swap. Returns its number.
pub fn add(swap: Swap) -> u64 {
    SWAPS.with_borrow_mut(|swaps| {
        let number = swaps.len();
        swaps.insert(number, swap);
        number
    })
}

pub fn find(number: u64) -> Option<Swap> {
    SWAPS.with_borrow(|swaps| swaps.get(&number))
}

/// Changes a swap that exists. Returns what `change` returns.
pub fn change<T>(number: u64, change: impl FnOnce(&mut Swap) -> T) -> T {
    SWAPS.with_borrow_mut(|swaps| {
        let mut swap = swaps.get(&number).expect("swaps are never removed");
        let result = change(&mut swap);
        swaps.insert(number, swap);
        result
    })
}
