//! The cycles that a call costs, on the subnet of this canister.

use ic_cdk::api::cost_create_canister;

use crate::limits::{CYCLES_SET_ASIDE_PER_CALL, CYCLES_SPENT_PER_CALL};
use crate::{Request, Wait};

/// Cycles that the system sets aside in addition for an unbounded wait, on a subnet of 13 nodes. The system reserves 2
/// MiB of memory for the response, which raises the freezing threshold. Valid for the default threshold of 30 days.
const WITHHELD_PER_UNBOUNDED_WAIT: u128 = 643_000_000;

/// The fee per byte sent or received, on a subnet of 13 nodes.
const FEE_PER_BYTE: u128 = 1_000;

/// The fee of a new canister, on a subnet of 13 nodes.
const CANISTER_CREATION_FEE: u128 = 500_000_000_000;

/// Bytes of a response that [`spent`] allows for.
const RESPONSE_BYTES: u128 = 200;

/// Cycles that the system sets aside while the call is open.
///
/// The price that the system states (`cost_call`) is right on a subnet of 13 nodes. On a larger subnet, the system may
/// also state the price for 13 nodes. So this function returns the larger one of this price and our own.
pub fn withheld(request: &Request) -> u128 {
    let call = on_this_subnet(CYCLES_SET_ASIDE_PER_CALL + bytes(request) * FEE_PER_BYTE);
    let call =
        call.saturating_add(request.cycles).max(super::prepared(request, request.wait).get_cost());
    match request.wait {
        Wait::Bounded(_) => call,
        Wait::Unbounded => call.saturating_add(on_this_subnet(WITHHELD_PER_UNBOUNDED_WAIT)),
    }
}

/// Cycles that do not come back with the response, if the response has few bytes, the callback few instructions, and
/// the callee keeps none of the attached cycles.
pub fn spent(request: &Request) -> u128 {
    let bytes = bytes(request) + RESPONSE_BYTES;
    on_this_subnet(CYCLES_SPENT_PER_CALL + bytes * FEE_PER_BYTE)
}

/// Converts a price for 13 nodes into the price on the subnet of this canister. All prices are proportional to the
/// number of nodes, or are 0 on a subnet without fees. The price that the system states for a new canister is always
/// that of this subnet.
fn on_this_subnet(price: u128) -> u128 {
    price.saturating_mul(cost_create_canister()) / CANISTER_CREATION_FEE
}

/// Bytes of the method name and the argument.
fn bytes(request: &Request) -> u128 {
    request.method.len() as u128 + request.argument.len() as u128
}

/// The embedded replica computes the same prices from its own constants, with sources.
#[cfg(test)]
mod tests {
    use embedded_replica::cycles::{CALL_BYTE_FEE, Prices};

    use super::*;

    #[test]
    fn prices_equal_those_of_the_embedded_replica() {
        let prices = Prices::new(13, false);
        assert_eq!(CYCLES_SET_ASIDE_PER_CALL, prices.call(0, false).total());
        assert_eq!(FEE_PER_BYTE, CALL_BYTE_FEE);
        assert_eq!(CANISTER_CREATION_FEE, prices.canister_creation());
    }
}
