//! What calls cost the canister, on the subnet where it is.

use ic_cdk::api::cost_create_canister;

use crate::{Request, Wait};

/// What an open call withholds on 13 nodes besides its bytes and its attached cycles: the fee of the call (260,000), the
/// largest answer (2 MiB), and the fee and the most instructions of its callback (5,000,000 and 40 billion).
const WITHHELD_PER_CALL: u128 = 42_102_412_000;

/// What an unbounded wait withholds besides, on 13 nodes: its answer has 2 MiB of memory set aside, by which the freezing
/// threshold rises. This much, where the threshold is that of 30 days, as by default.
const WITHHELD_PER_UNBOUNDED_WAIT: u128 = 643_000_000;

/// What a call spends at most on 13 nodes besides its bytes and its attached cycles: the fees of the call and of its
/// callback and the instructions of both, of which a canister with this library needs about 50,000.
const SPENT_PER_CALL: u128 = 6_000_000;

/// What each byte sent or received costs on 13 nodes.
const SPENT_PER_BYTE: u128 = 1_000;

/// What a new canister costs on 13 nodes.
const CREATION_ON_13_NODES: u128 = 500_000_000_000;

/// Bytes of an answer that a plan provides for.
const ANSWER_BYTES: u128 = 200;

/// What the system sets aside for a call while it is open. Its own answer to this question is right on 13 nodes, but may
/// be the same on more.
pub fn withheld(request: &Request) -> u128 {
    let call = on_this_subnet(WITHHELD_PER_CALL + bytes(request) * SPENT_PER_BYTE);
    let call = call.saturating_add(request.cycles).max(super::prepared(request).get_cost());
    match request.wait {
        Wait::Bounded(_) => call,
        Wait::Unbounded => call.saturating_add(on_this_subnet(WITHHELD_PER_UNBOUNDED_WAIT)),
    }
}

/// What a call spends for good, with an answer of few bytes and a callback of few instructions.
pub fn spent(request: &Request) -> u128 {
    let bytes = bytes(request) + ANSWER_BYTES;
    on_this_subnet(SPENT_PER_CALL + bytes * SPENT_PER_BYTE).saturating_add(request.cycles)
}

/// A price on 13 nodes as it is on the subnet of this canister. All prices grow alike with the number of nodes, or are
/// nothing, and that of a new canister is always told as it is here.
fn on_this_subnet(price: u128) -> u128 {
    price.saturating_mul(cost_create_canister()) / CREATION_ON_13_NODES
}

/// Bytes of name and argument.
fn bytes(request: &Request) -> u128 {
    request.method.len() as u128 + request.argument.len() as u128
}
