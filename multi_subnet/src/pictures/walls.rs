//! The walls: limits for the number of open calls.

use embedded_replica::cycles::{Prices, REFERENCE_SUBNET_SIZE};
use embedded_replica::limits::{
    MESSAGE_INSTRUCTIONS_MAX, QUEUE_CAPACITY, SUBNET_CALLBACKS_SOFT_MAX,
};

use super::words::{grouped, short};
use crate::recorded::RecordedStrategy;

/// A limit for the number of open calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    /// The largest number of open calls.
    pub calls: u64,
    /// What the limit is, such as `500 slots from one canister to another`.
    pub name: String,
}

/// The walls of a strategy, the lowest first.
pub(super) fn walls(strategy: &RecordedStrategy) -> Vec<Wall> {
    let slots = QUEUE_CAPACITY as u64;
    let callbacks = SUBNET_CALLBACKS_SOFT_MAX as u64;
    let prices = Prices::new(REFERENCE_SUBNET_SIZE, false);
    let per_call = per_call(strategy).unwrap_or_else(|| prices.call(0, false).total());
    // The message that makes the calls sets aside cycles for itself, too.
    let for_message = prices.execution(MESSAGE_INSTRUCTIONS_MAX, false);
    let payable = strategy.balance.saturating_sub(for_message) / per_call.max(1);
    let payable = u64::try_from(payable).unwrap_or(u64::MAX);
    let mut walls = vec![
        Wall { calls: slots, name: format!("{slots} slots from one canister to another") },
        Wall {
            calls: payable,
            name: format!(
                "cycles for {} calls ({} each, of {})",
                grouped(payable),
                short(per_call),
                short(strategy.balance)
            ),
        },
        Wall { calls: callbacks, name: format!("{} callbacks of a subnet", grouped(callbacks)) },
    ];
    walls.sort_by_key(|wall| wall.calls);
    walls
}

/// The most cycles that one call set aside.
fn per_call(strategy: &RecordedStrategy) -> Option<u128> {
    strategy.recording.calls().iter().map(|call| call.set_aside).max()
}
