//! The ingress pool: ingress messages that wait for a block.
//!
//! Rules: `ingress_manager/src/ingress_selector.rs` and `types/types/src/batch/ingress.rs` in the replica's
//! repository.

use crate::limits::*;
use crate::message::Ingress;
use crate::types::{CanisterId, MessageId, Time};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The order of messages in the pool and in a block: by expiry, then by message id.
type Key = (Time, MessageId);

/// An ingress message in the pool.
#[derive(Debug, Serialize, Deserialize)]
struct Pooled {
    ingress: Ingress,
    /// When the message arrived.
    arrival: Time,
}

/// Ingress messages that wait for a block.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IngressPool {
    messages: BTreeMap<Key, Pooled>,
    ids: BTreeSet<MessageId>,
    bytes: usize,
}

impl IngressPool {
    pub fn contains(&self, message: MessageId) -> bool {
        self.ids.contains(&message)
    }

    /// Whether the nodes of a mainnet subnet would accept another message.
    pub fn has_room(&self) -> bool {
        self.messages.len() < INGRESS_POOL_MESSAGES_MAX && self.bytes < INGRESS_POOL_BYTES_MAX
    }

    /// All messages, in the order of a block.
    pub fn iter(&self) -> impl Iterator<Item = &Ingress> {
        self.messages.values().map(|pooled| &pooled.ingress)
    }

    /// Adds a message that arrives at the time `arrival`.
    pub fn push(&mut self, ingress: Ingress, arrival: Time) {
        self.ids.insert(ingress.id);
        self.bytes += ingress.counted_bytes();
        self.messages.insert((ingress.expiry, ingress.id), Pooled { ingress, arrival });
    }

    fn remove(&mut self, key: &Key) -> Option<Ingress> {
        let Pooled { ingress, .. } = self.messages.remove(key)?;
        self.ids.remove(&ingress.id);
        self.bytes -= ingress.counted_bytes();
        Some(ingress)
    }

    /// Takes the messages for a block that is made at `now`, ordered by expiry and then by message id. Drops
    /// the messages that have expired. Messages that expire too late, or that are not valid now, wait.
    pub fn take_block(
        &mut self,
        now: Time,
        is_valid: impl FnMut(&Ingress) -> bool,
    ) -> Vec<Ingress> {
        while let Some((key, _)) = self.messages.first_key_value()
            && key.0 < now
        {
            let key = *key;
            self.remove(&key);
        }
        let latest = now.plus_secs(INGRESS_LIFETIME_SECONDS_MAX);
        let in_time = self.messages.iter().take_while(|(key, _)| key.0 <= latest);
        let mut selected = Selection::of(in_time).select(is_valid);
        selected.sort_unstable();
        selected.iter().filter_map(|key| self.remove(key)).collect()
    }
}

/// The messages to one canister, while the messages of a block are selected.
#[derive(Default)]
struct Queue<'a> {
    /// The next message is the last one.
    waiting: Vec<(Key, &'a Pooled)>,
    selected: usize,
    selected_bytes: usize,
}

/// The selection of the messages of a block.
struct Selection<'a> {
    queues: BTreeMap<CanisterId, Queue<'a>>,
    /// Canisters with waiting messages, in the order in which their messages are selected.
    canisters: Vec<CanisterId>,
    /// The bytes of messages that each canister may get, beside its first messages.
    quota: usize,
    selected: Vec<Key>,
    bytes_left: usize,
}

impl<'a> Selection<'a> {
    /// A selection from these messages. They must be ordered by expiry and then by message id.
    fn of(messages: impl Iterator<Item = (&'a Key, &'a Pooled)>) -> Self {
        let mut queues: BTreeMap<CanisterId, Queue> = BTreeMap::new();
        for (key, pooled) in messages {
            queues.entry(pooled.ingress.receiver).or_default().waiting.push((*key, pooled));
        }
        // The message that arrived first is the last one. Of several that arrived at the same time, the
        // one with the highest message id comes first.
        for queue in queues.values_mut() {
            queue.waiting.sort_by_key(|(_, pooled)| Reverse(pooled.arrival));
        }
        let canisters: Vec<CanisterId> = queues.keys().copied().collect();
        let bytes_left = INGRESS_BYTES_PER_BLOCK_MAX;
        let quota = bytes_left / canisters.len().max(1);
        Self { queues, canisters, quota, selected: Vec::new(), bytes_left }
    }

    /// Selects messages until the block is full or no valid message is left. In each turn of a canister, as
    /// many of its messages are selected as its quota allows. After each round of turns, what the block
    /// still has room for raises the quotas.
    fn select(mut self, mut is_valid: impl FnMut(&Ingress) -> bool) -> Vec<Key> {
        let mut rounds = 0;
        while !self.canisters.is_empty() && self.bytes_left > 0 {
            rounds += 1;
            let mut turn = 0;
            while let Some(canister) = self.canisters.get(turn).copied() {
                if !self.take_turn(canister, rounds, &mut is_valid) {
                    return self.finish();
                }
                match self.queues[&canister].waiting.is_empty() {
                    true => _ = self.canisters.swap_remove(turn),
                    false => turn += 1,
                }
            }
            self.quota += self.bytes_left / self.canisters.len().max(1);
        }
        self.finish()
    }

    /// Selects messages to one canister. Returns whether the block has room for more.
    fn take_turn(
        &mut self,
        canister: CanisterId,
        round: usize,
        is_valid: &mut impl FnMut(&Ingress) -> bool,
    ) -> bool {
        let Some(queue) = self.queues.get_mut(&canister) else { return true };
        while let Some((key, pooled)) = queue.waiting.last() {
            if self.selected.len() >= INGRESS_PER_BLOCK_MAX {
                return false;
            }
            if !is_valid(&pooled.ingress) {
                queue.waiting.pop();
                continue;
            }
            let bytes = pooled.ingress.counted_bytes();
            if bytes > self.bytes_left {
                return false;
            }
            let beyond_quota = round.saturating_sub(INGRESS_ROUNDS_OF_STRICT_QUOTAS).max(1);
            if queue.selected >= beyond_quota && queue.selected_bytes + bytes > self.quota {
                return true;
            }
            self.bytes_left -= bytes;
            queue.selected += 1;
            queue.selected_bytes += bytes;
            self.selected.push(*key);
            queue.waiting.pop();
        }
        true
    }

    /// The selected messages. A block that is full to the last byte is too large by one message.
    fn finish(mut self) -> Vec<Key> {
        if self.bytes_left == 0 {
            self.selected.pop();
        }
        self.selected
    }
}

#[cfg(test)]
mod tests;
