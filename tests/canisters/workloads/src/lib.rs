//! Heavy computing, for the benchmark `execution`. Each method does one kind of work, and replies with a number that
//! depends on all of the work.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::collections::BTreeMap;

use candid::{CandidType, Decode, Encode, Principal};
use ic_cdk::update;
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A sequence of numbers without a visible order, the same in each run.
fn numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1), |n: &u64| {
        Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
}

/// Hashes `bytes` bytes with SHA-256. Returns the first bytes of the hash.
#[update]
fn sha256(bytes: u64) -> u64 {
    let input: Vec<u8> = numbers().take(bytes as usize).map(|n| (n >> 56) as u8).collect();
    let hash = Sha256::digest(&input);
    hash[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Sorts `count` numbers. Returns the number in the middle.
#[update]
fn sort(count: u64) -> u64 {
    let mut sorted: Vec<u64> = numbers().take(count as usize).collect();
    sorted.sort();
    sorted[sorted.len() / 2]
}

/// Inserts `count` numbers into a map on the heap, and looks each of them up.
#[update]
fn heap_map(count: u64) -> u64 {
    let mut map = BTreeMap::new();
    for (value, key) in (0u64..count).zip(numbers()) {
        map.insert(key, value);
    }
    numbers().take(count as usize).map(|key| map[&key]).fold(0, u64::wrapping_add)
}

/// The same with a map in stable memory.
#[update]
fn stable_map(count: u64) -> u64 {
    let mut map = StableBTreeMap::new(DefaultMemoryImpl::default());
    for (value, key) in (0u64..count).zip(numbers()) {
        map.insert(key, value);
    }
    numbers().take(count as usize).filter_map(|key| map.get(&key)).fold(0, u64::wrapping_add)
}

#[derive(CandidType, Deserialize)]
struct Account {
    owner: Principal,
    name: String,
    balance: u128,
    changed: Option<u64>,
}

/// Encodes accounts as `bytes` bytes of Candid, about, and decodes them. Returns the sum of their balances.
#[update]
fn candid(bytes: u64) -> u64 {
    const ACCOUNT_BYTES: u64 = 48;
    let accounts: Vec<Account> = numbers()
        .take((bytes / ACCOUNT_BYTES) as usize)
        .map(|n| Account {
            owner: Principal::from_slice(&n.to_le_bytes()),
            name: format!("number {}", n >> 48),
            balance: n.into(),
            changed: (n & 1 == 1).then_some(n),
        })
        .collect();
    let encoded = Encode!(&accounts).expect("accounts are Candid");
    let decoded = Decode!(&encoded, Vec<Account>).expect("they were just encoded");
    decoded.iter().map(|account| account.balance as u64).fold(0, u64::wrapping_add)
}
