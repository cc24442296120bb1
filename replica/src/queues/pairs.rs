//! The pairs of queues of a canister, by peer.

use super::pair::Pair;
use crate::limits::QUEUE_CAPACITY;
use crate::types::Callee;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The pairs of queues of a canister, by peer.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pairs(pub(super) BTreeMap<Callee, Pair>);

impl Pairs {
    /// The number of free request slots to `peer`.
    pub fn free_slots(&self, peer: impl Into<Callee>) -> usize {
        self.0.get(&peer.into()).map_or(QUEUE_CAPACITY, Pair::free_slots)
    }

    /// Pairs with the same free request slots, but without messages.
    pub fn without_messages(&self) -> Self {
        let taken = self.0.iter().filter(|(_, pair)| pair.free_slots() < QUEUE_CAPACITY);
        Self(taken.map(|(peer, pair)| (*peer, pair.without_messages())).collect())
    }
}
