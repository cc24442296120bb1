//! The ingress pool: ingress messages that wait for a block.

use crate::limits::*;
use crate::message::Ingress;
use crate::types::{CanisterId, MessageId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Ingress messages in the order of their arrival.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IngressPool {
    messages: VecDeque<Ingress>,
    ids: BTreeSet<MessageId>,
    bytes: usize,
}

impl IngressPool {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn contains(&self, message: MessageId) -> bool {
        self.ids.contains(&message)
    }

    /// Whether the nodes of a mainnet subnet would accept another message.
    pub fn has_room(&self) -> bool {
        self.messages.len() < INGRESS_POOL_MESSAGES_MAX && self.bytes < INGRESS_POOL_BYTES_MAX
    }

    pub fn push(&mut self, ingress: Ingress) {
        self.ids.insert(ingress.id);
        self.bytes += ingress.counted_bytes();
        self.messages.push_back(ingress);
    }

    /// Takes the messages for one block. If not all messages fit, canisters take turns, and the messages of
    /// each canister are taken in the order of their arrival (`ingress_manager/src/ingress_selector.rs` in
    /// the replica's repository).
    pub fn take_block(&mut self) -> Vec<Ingress> {
        let messages = std::mem::take(self);
        if messages.messages.len() <= INGRESS_PER_BLOCK_MAX
            && messages.bytes <= INGRESS_BYTES_PER_BLOCK_MAX
        {
            return messages.messages.into();
        }
        // The messages by canister, each with its place in the order of arrival.
        let mut queues: BTreeMap<CanisterId, VecDeque<(usize, Ingress)>> = BTreeMap::new();
        for (arrival, ingress) in messages.messages.into_iter().enumerate() {
            let canister = ingress.effective_canister().unwrap_or(ingress.receiver);
            queues.entry(canister).or_default().push_back((arrival, ingress));
        }
        let block = selected(&mut queues);
        let mut left: Vec<(usize, Ingress)> = queues.into_values().flatten().collect();
        left.sort_by_key(|(arrival, _)| *arrival);
        left.into_iter().for_each(|(_, ingress)| self.push(ingress));
        block
    }
}

/// Selects as many messages as fit into a block, one of each canister in turn.
fn selected(queues: &mut BTreeMap<CanisterId, VecDeque<(usize, Ingress)>>) -> Vec<Ingress> {
    let mut turns: VecDeque<CanisterId> = queues.keys().copied().collect();
    let mut block = Vec::new();
    let mut bytes_left = INGRESS_BYTES_PER_BLOCK_MAX;
    while let Some(canister) = turns.pop_front().filter(|_| block.len() < INGRESS_PER_BLOCK_MAX) {
        let Some(queue) = queues.get_mut(&canister) else { continue };
        // If the next message of a canister does not fit, the canister waits for the next block.
        let fits = |(_, ingress): &mut (_, Ingress)| ingress.counted_bytes() <= bytes_left;
        let Some((_, ingress)) = queue.pop_front_if(fits) else { continue };
        bytes_left -= ingress.counted_bytes();
        block.push(ingress);
        turns.push_back(canister);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::canister_id;
    use crate::types::Time;
    use candid::Principal;

    /// A message with a unique id, which begins with this byte.
    fn ingress(receiver: u64, byte: u8, number: usize, argument: usize) -> Ingress {
        let mut id = [byte; 32];
        id[24..].copy_from_slice(&number.to_be_bytes());
        Ingress {
            id: MessageId(id),
            sender: Principal::anonymous(),
            caller_info: None,
            receiver: canister_id(receiver),
            management: None,
            method: String::new(),
            argument: vec![0; argument],
            expiry: Time::GENESIS,
            envelope_bytes: argument,
        }
    }

    fn pool(messages: impl IntoIterator<Item = Ingress>) -> IngressPool {
        let mut pool = IngressPool::default();
        messages.into_iter().for_each(|ingress| pool.push(ingress));
        pool
    }

    fn bytes<'a>(messages: impl IntoIterator<Item = &'a Ingress>) -> Vec<u8> {
        messages.into_iter().map(|ingress| ingress.id.0[0]).collect()
    }

    #[test]
    fn a_block_has_a_thousand_messages_of_all_canisters_and_the_others_keep_their_order() {
        let few = [(2, 1), (2, 2), (3, 3)].map(|(receiver, byte)| ingress(receiver, byte, 0, 0));
        let many = (0..INGRESS_PER_BLOCK_MAX).map(|number| ingress(1, 0, number, 0));
        let mut pool = pool(many.chain(few));
        let block = pool.take_block();
        assert_eq!(block.len(), INGRESS_PER_BLOCK_MAX);
        assert_eq!(bytes(&block)[..6], [0, 1, 3, 0, 2, 0]);
        assert!(block.iter().all(|ingress| !pool.contains(ingress.id)));
        pool.push(ingress(4, 4, 0, 0));
        assert!(pool.messages.iter().all(|ingress| pool.contains(ingress.id)));
        assert_eq!(bytes(&pool.take_block()), [0, 0, 0, 4]);
        assert!(pool.is_empty() && pool.ids.is_empty() && pool.bytes == 0);
    }

    #[test]
    fn the_pool_is_limited_by_messages_and_by_bytes() {
        let mut small = pool((1..INGRESS_POOL_MESSAGES_MAX).map(|number| ingress(1, 0, number, 0)));
        assert!(small.has_room());
        small.push(ingress(1, 1, 0, 0));
        assert!(!small.has_room());
        small.take_block();
        assert!(small.has_room(), "a block makes room");

        let large = |count| pool((0..count).map(|number| ingress(1, 0, number, 2_000_000)));
        assert!(large(49).has_room() && !large(50).has_room());
    }
}
