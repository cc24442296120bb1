//! A guest book: a test canister that uses `ic-stable-structures`. A map, a log and a cell share the stable
//! memory.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::borrow::Cow;
use std::cell::RefCell;

use candid::{CandidType, Decode, Encode};
use ic_cdk::{init, query, update};
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};
use ic_stable_structures::storable::{Bound, Storable};
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap, StableCell, StableLog};
use serde::Deserialize;

type Memory = VirtualMemory<DefaultMemoryImpl>;

#[derive(Clone, CandidType, Deserialize)]
struct Guest {
    name: String,
    visits: u32,
    note: Option<String>,
}

impl Storable for Guest {
    const BOUND: Bound = Bound::Unbounded;

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.clone().into_bytes())
    }

    fn into_bytes(self) -> Vec<u8> {
        Encode!(&self).expect("guests are Candid")
    }

    fn from_bytes(bytes: Cow<'_, [u8]>) -> Self {
        Decode!(&bytes, Self).expect("only guests are stored")
    }
}

thread_local! {
    static MEMORIES: RefCell<MemoryManager<DefaultMemoryImpl>> =
        RefCell::new(MemoryManager::init(DefaultMemoryImpl::default()));

    static TITLE: RefCell<StableCell<String, Memory>> =
        RefCell::new(StableCell::init(memory(0), String::new()));

    static GUESTS: RefCell<StableBTreeMap<String, Guest, Memory>> =
        RefCell::new(StableBTreeMap::init(memory(1)));

    static VISITS: RefCell<StableLog<String, Memory, Memory>> =
        RefCell::new(StableLog::init(memory(2), memory(3)));
}

fn memory(number: u8) -> Memory {
    MEMORIES.with_borrow(|memories| memories.get(MemoryId::new(number)))
}

/// An upgrade needs no hook, because all data is in stable memory.
#[init]
fn init(title: String) {
    TITLE.with_borrow_mut(|cell| cell.set(title));
}

#[query]
fn title() -> String {
    TITLE.with_borrow(|cell| cell.get().clone())
}

#[update]
fn sign(name: String, note: Option<String>) {
    VISITS.with_borrow(|visits| visits.append(&name)).expect("stable memory can grow");
    GUESTS.with_borrow_mut(|guests| {
        let known = guests.get(&name);
        let visits = known.as_ref().map_or(0, |guest| guest.visits) + 1;
        let note = note.or(known.and_then(|guest| guest.note));
        guests.insert(name.clone(), Guest { name, visits, note });
    });
}

#[update]
fn sign_and_trap(name: String) {
    sign(name, None);
    ic_cdk::trap("the pen broke");
}

#[update]
fn sign_many(guests: u32) {
    (1..=guests).for_each(|number| sign(format!("guest {number}"), None));
}

#[update]
fn strike(name: String) -> Option<Guest> {
    GUESTS.with_borrow_mut(|guests| guests.remove(&name))
}

#[query]
fn guest(name: String) -> Option<Guest> {
    GUESTS.with_borrow(|guests| guests.get(&name))
}

#[query]
fn guests_from(name: String, limit: u32) -> Vec<Guest> {
    GUESTS.with_borrow(|guests| {
        guests.range(name..).take(limit as usize).map(|entry| entry.value()).collect()
    })
}

#[query]
fn guests() -> u64 {
    GUESTS.with_borrow(|guests| guests.len())
}

#[query]
fn visit(number: u64) -> Option<String> {
    VISITS.with_borrow(|visits| visits.get(number))
}

#[query]
fn visits() -> u64 {
    VISITS.with_borrow(|visits| visits.len())
}

#[query]
fn stable_pages() -> u64 {
    ic_cdk::api::stable_size()
}
