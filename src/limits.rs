//! The limits of the Internet Computer that concern calls between canisters.
//!
//! Each constant names its source: a constant of the replica (repository `dfinity/ic`), or the interface specification.

use std::time::Duration;

/// Calls that one canister can have open to one other canister at the same time. Each occupies a slot in the queue
/// between the two (`DEFAULT_QUEUE_CAPACITY` in the replica).
pub const QUEUE_SLOTS: u32 = 500;

/// Calls to all callees together that a canister can always have open, whatever the other canisters of its subnet do
/// (`CANISTER_GUARANTEED_CALLBACK_QUOTA` in the replica).
///
/// Beyond this number, all canisters of a subnet share one million open calls. The system does not say how many of
/// these are free. [`Canister`](crate::canister::Canister) therefore plans with [`QUEUE_SLOTS`] open calls in total.
pub const GUARANTEED_CALLBACKS: u32 = 50;

/// The longest bounded wait. The system shortens a longer wait to this (`MAX_CALL_TIMEOUT_SECONDS` in the replica).
pub const BOUNDED_WAIT_MAX: Duration = Duration::from_secs(300);

/// Bytes of a method name, at most (interface specification, `ic0.call_new`).
pub const METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Bytes of the method name and the argument of a call together, at most, if the callee is on the same subnet. If it is
/// on another subnet, the system rejects calls with more than a fifth of this, 2 MiB
/// (`MAX_INTER_CANISTER_PAYLOAD_IN_BYTES` in the replica).
pub const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Most bytes that are kept of the text of a [`Verdict`](crate::Verdict). A callee may put megabytes into an error.
pub const VERDICT_TEXT_BYTES_MAX: usize = 1_024;

/// Calls that one message of a fan-out ends without sending them, at most: because of a deadline, a cancellation or a stop,
/// or because the system refuses every call. A limit of this library. It bounds the work of one message: 10,000 outcomes
/// take some 100 million instructions, and a message may execute 40 billion.
pub const ENDED_PER_MESSAGE: u32 = 10_000;

/// The embedded replica has its own copy of these limits, with sources. The copies must be equal.
#[cfg(test)]
mod tests {
    use embedded_replica::limits as replica;

    use super::*;

    #[test]
    fn limits_equal_those_of_the_embedded_replica() {
        assert_eq!(QUEUE_SLOTS as usize, replica::QUEUE_CAPACITY);
        assert_eq!(GUARANTEED_CALLBACKS as usize, replica::CANISTER_CALLBACKS_GUARANTEED);
        assert_eq!(BOUNDED_WAIT_MAX.as_secs(), u64::from(replica::CALL_TIMEOUT_SECONDS_MAX));
        assert_eq!(METHOD_NAME_BYTES_MAX, replica::METHOD_NAME_BYTES_MAX);
        assert_eq!(REQUEST_BYTES_MAX, replica::REQUEST_BYTES_MAX);
        assert_eq!(REQUEST_BYTES_MAX / 5, replica::REQUEST_BYTES_MAX_REMOTE);
    }
}
