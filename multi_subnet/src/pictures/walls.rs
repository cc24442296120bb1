//! The walls: limits for the number of open calls.

use embedded_replica::cycles::{Prices, REFERENCE_SUBNET_SIZE};
use embedded_replica::limits::{
    MESSAGE_INSTRUCTIONS_MAX, QUEUE_CAPACITY, SUBNET_CALLBACKS_SOFT_MAX,
};

use embedded_replica::trace::Refusal;

use super::words::{count, grouped, short};
use crate::recorded::{Recorded, RecordedStrategy};

/// A limit for the number of open calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    /// The largest number of open calls.
    pub calls: u64,
    /// What the limit is, such as `500 slots from one canister to another`.
    pub name: String,
}

/// The walls of a strategy, the lowest first.
pub(super) fn walls(recorded: &Recorded, strategy: &RecordedStrategy) -> Vec<Wall> {
    let slots = QUEUE_CAPACITY as u64;
    let callbacks = SUBNET_CALLBACKS_SOFT_MAX as u64;
    let mut walls = vec![
        Wall { calls: slots, name: format!("{slots} slots from one canister to another") },
        cycles_wall(recorded, strategy),
        Wall { calls: callbacks, name: format!("{} callbacks of a subnet", grouped(callbacks)) },
    ];
    walls.sort_by_key(|wall| wall.calls);
    walls
}

/// For how many open calls the caller has cycles.
fn cycles_wall(recorded: &Recorded, strategy: &RecordedStrategy) -> Wall {
    let prices = Prices::new(REFERENCE_SUBNET_SIZE, false);
    let own = strategy.recording.calls().iter().filter(|call| call.caller() == recorded.caller);
    let set_aside = own.map(|call| call.set_aside).max();
    let per_call = set_aside.unwrap_or_else(|| prices.call(0, false).total());
    let (calls, about) = match most_open_with_cycles(recorded, strategy) {
        Some(calls) => (calls, ""),
        None => {
            // The message that makes the calls sets aside cycles for itself, too. The freezing threshold, which the
            // memory for responses raises, is not known here.
            let for_message = prices.execution(MESSAGE_INSTRUCTIONS_MAX, false);
            let payable = strategy.balance.saturating_sub(for_message) / per_call.max(1);
            (u64::try_from(payable).unwrap_or(u64::MAX), "about ")
        }
    };
    let name = format!(
        "cycles for {about}{} ({} each, of {})",
        count(calls, "call"),
        short(per_call),
        short(strategy.balance)
    );
    Wall { calls, name }
}

/// The most calls that were open, if further ones were not made for lack of cycles.
fn most_open_with_cycles(recorded: &Recorded, strategy: &RecordedStrategy) -> Option<u64> {
    let refused = strategy.recording.refused().iter();
    let mut refused = refused.filter(|refused| refused.caller == recorded.caller);
    let reasons = strategy.measurement.failures.as_ref();
    let lacked_cycles = refused.any(|refused| refused.limit == Refusal::Cycles)
        || reasons.is_some_and(|reasons| reasons.contains_key("cycles"));
    let load = strategy.recording.load_by(recorded.caller);
    let most_open = load.iter().map(|load| load.open as u64).max();
    most_open.filter(|most_open| lacked_cycles && *most_open > 0)
}
