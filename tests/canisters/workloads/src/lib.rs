//! Heavy computing, for the benchmark `execution`. Each method does one kind of work, and replies with a number that
//! depends on all of the work.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::collections::{BTreeMap, BTreeSet};

use candid::{CandidType, Decode, Encode, Principal};
use ic_cdk::update;
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager};
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

/// Lets a vote spread among `voters` voters. Each voter follows up to 15 voters before it, and votes once more than half of
/// these have voted. Two maps in stable memory say who follows whom. Returns the number of votes.
#[update]
fn votes(voters: u64) -> u64 {
    const FOLLOWED: usize = 15;
    let memories = MemoryManager::init(DefaultMemoryImpl::default());
    let mut followed_by = StableBTreeMap::new(memories.get(MemoryId::new(0)));
    let mut followers = StableBTreeMap::new(memories.get(MemoryId::new(1)));
    let ids: Vec<u64> = numbers().take(voters as usize).collect();
    for (position, voter) in ids.iter().enumerate() {
        let before = &ids[position.saturating_sub(FOLLOWED)..position];
        for (rank, followed) in (0u64..).zip(before) {
            followed_by.insert((*voter, rank), *followed);
            followers.insert((*followed, *voter), ());
        }
    }
    let of = |id: u64| (id, u64::MIN)..=(id, u64::MAX);
    let mut voted: BTreeSet<u64> = ids.first().copied().into_iter().collect();
    let mut latest: Vec<u64> = voted.iter().copied().collect();
    while !latest.is_empty() {
        let following = latest.iter().flat_map(|id| followers.range(of(*id)));
        let asked: BTreeSet<u64> = following.map(|entry| entry.key().1).collect();
        latest = asked.into_iter().filter(|id| !voted.contains(id)).collect();
        latest.retain(|id| {
            let followed: Vec<u64> =
                followed_by.range(of(*id)).map(|entry| entry.value()).collect();
            let count = followed.iter().filter(|id| voted.contains(id)).count();
            2 * count > followed.len()
        });
        voted.extend(&latest);
    }
    voted.len() as u64
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
