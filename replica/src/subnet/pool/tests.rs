use super::*;
use crate::topology::canister_id;
use candid::Principal;

/// A message with a unique id, which begins with this byte. It expires at `NOW` plus five minutes.
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
        expiry: NOW.plus_secs(INGRESS_LIFETIME_SECONDS_MAX),
        envelope_bytes: argument,
    }
}

const NOW: Time = Time::GENESIS;

/// A pool of messages that arrived at the same time.
fn pool(messages: impl IntoIterator<Item = Ingress>) -> IngressPool {
    let mut pool = IngressPool::default();
    messages.into_iter().for_each(|ingress| pool.push(ingress, NOW));
    pool
}

fn bytes<'a>(messages: impl IntoIterator<Item = &'a Ingress>) -> Vec<u8> {
    messages.into_iter().map(|ingress| ingress.id.0[0]).collect()
}

fn block(pool: &mut IngressPool) -> Vec<u8> {
    bytes(&pool.take_block(NOW, |_| true))
}

#[test]
fn messages_are_ordered_by_their_expiry_and_then_by_their_ids_whatever_their_arrival() {
    let mut soon = ingress(1, 9, 0, 0);
    soon.expiry = NOW.plus_secs(1);
    let mut pool = pool([(2, 3), (1, 7), (3, 1)].map(|(to, byte)| ingress(to, byte, 0, 0)));
    pool.push(soon, NOW);
    pool.push(ingress(1, 2, 0, 0), Time::from_nanos(0));
    assert_eq!(block(&mut pool), [9, 1, 2, 3, 7]);
    assert!(pool.iter().next().is_none() && pool.ids.is_empty() && pool.bytes == 0);
}

#[test]
fn expired_messages_are_dropped_and_those_that_expire_too_late_wait() {
    let at = |byte, expiry| Ingress { expiry, ..ingress(1, byte, 0, 0) };
    let latest = NOW.plus_secs(INGRESS_LIFETIME_SECONDS_MAX);
    let before = NOW.minus_nanos(1);
    let mut pool = pool([at(1, before), at(2, NOW), at(3, latest), at(4, latest.plus_nanos(1))]);
    assert_eq!(block(&mut pool), [2, 3]);
    assert_eq!(bytes(pool.iter()), [4]);
    assert_eq!(bytes(&pool.take_block(NOW.plus_nanos(1), |_| true)), [4]);
}

#[test]
fn messages_that_are_not_valid_wait() {
    let mut pool = pool([1, 2, 3].map(|byte| ingress(1, byte, 0, 0)));
    assert_eq!(bytes(&pool.take_block(NOW, |ingress| ingress.id.0[0] != 2)), [1, 3]);
    assert!(pool.contains(ingress(1, 2, 0, 0).id) && !pool.contains(ingress(1, 1, 0, 0).id));
    assert_eq!(block(&mut pool), [2]);
}

#[test]
fn a_block_takes_a_thousand_messages_as_many_of_each_canister_as_its_quota_allows() {
    // All messages of the first canister are within its quota, a third of the bytes.
    let few = [(2, 1), (2, 2), (3, 3)].map(|(receiver, byte)| ingress(receiver, byte, 0, 0));
    let many = (0..INGRESS_PER_BLOCK_MAX).map(|number| ingress(1, 0, number, 0));
    let mut pool = pool(many.chain(few));
    assert_eq!(block(&mut pool), [0; INGRESS_PER_BLOCK_MAX]);
    assert_eq!(block(&mut pool), [1, 2, 3]);
}

#[test]
fn of_messages_that_arrived_together_a_full_block_takes_those_with_the_highest_ids() {
    let mut pool = pool((0..=INGRESS_PER_BLOCK_MAX).map(|number| ingress(1, 0, number, 0)));
    let block = pool.take_block(NOW, |_| true);
    assert!(block.is_sorted_by_key(|ingress| ingress.id.0));
    assert_eq!(block.len(), INGRESS_PER_BLOCK_MAX);
    assert_eq!(pool.iter().next().map(|ingress| ingress.id), Some(ingress(1, 0, 0, 0).id));
}

#[test]
fn a_full_block_takes_the_messages_that_arrived_first() {
    let later = NOW.plus_nanos(1);
    let mut pool = pool((1..=INGRESS_PER_BLOCK_MAX).map(|number| ingress(1, 0, number, 0)));
    pool.push(ingress(1, 9, 0, 0), later);
    assert_eq!(bytes(&pool.take_block(later, |_| true)), [0; INGRESS_PER_BLOCK_MAX]);
    assert_eq!(bytes(pool.iter()), [9]);
}

#[test]
fn canisters_share_the_bytes_of_a_block() {
    let large = |receiver, byte| ingress(receiver, byte, 0, 1_300_000);
    // The quota of each canister is half of the bytes, which is room for one message.
    let mut pool = pool([large(1, 1), large(1, 2), large(1, 3), large(2, 4), large(2, 5)]);
    // The first message of each, then another one of the first canister, from what is left.
    assert_eq!(block(&mut pool), [2, 3, 5]);
    assert_eq!(block(&mut pool), [1, 4]);
}

#[test]
fn the_pool_is_limited_by_messages_and_by_bytes() {
    let mut small = pool((1..INGRESS_POOL_MESSAGES_MAX).map(|number| ingress(1, 0, number, 0)));
    assert!(small.has_room());
    small.push(ingress(1, 1, 0, 0), NOW);
    assert!(!small.has_room());
    block(&mut small);
    assert!(small.has_room(), "a block makes room");

    let large = |count| pool((0..count).map(|number| ingress(1, 0, number, 2_000_000)));
    assert!(large(49).has_room() && !large(50).has_room());
}
