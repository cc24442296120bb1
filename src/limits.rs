//! The limits of the Internet Computer that concern calls between canisters.
//!
//! Each constant names its source: a constant of the replica (repository `dfinity/ic`), the interface specification,
//! or this library. The page on [limits](crate::docs::limits) says which limit holds when.

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

/// Open calls of all canisters of a subnet together, beyond the guaranteed ones (`SUBNET_CALLBACK_SOFT_LIMIT` in the
/// replica).
pub const CALLBACKS_PER_SUBNET: u32 = 1_000_000;

/// Cycles that the system sets aside (withholds) for an open call on a subnet of 13 nodes, without the price of the
/// bytes of the call and without its attached cycles. On other subnets, prices are proportional to the number of nodes.
///
/// - 260,000, the fee of a call,
/// - 2,097,152,000, the fee of the largest response ([`RESPONSE_BYTES_MAX`], 1,000 per byte),
/// - 40,005,000,000, the fee of the callback (5,000,000) and its largest number of instructions
///   ([`MESSAGE_INSTRUCTIONS_MAX`]).
pub const CYCLES_SET_ASIDE_PER_CALL: u128 = 42_102_412_000;

/// Cycles that a call spends at most on a subnet of 13 nodes, without its bytes and its attached cycles: the fees of
/// the call and of its callback, and the instructions of both. This library needs about 50,000 instructions.
pub const CYCLES_SPENT_PER_CALL: u128 = 6_000_000;

/// Instructions that one message may execute: a method, a callback, or a task of a timer
/// (`MAX_INSTRUCTIONS_PER_MESSAGE` in the replica).
pub const MESSAGE_INSTRUCTIONS_MAX: u64 = 40_000_000_000;

/// The longest bounded wait. The system shortens a longer wait to this (`MAX_CALL_TIMEOUT_SECONDS` in the replica).
pub const BOUNDED_WAIT_MAX: Duration = Duration::from_secs(300);

/// Bytes of a method name, at most (interface specification, `ic0.call_new`).
pub const METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Bytes of the method name and the argument of a call together, at most, if the callee is on the same subnet: five
/// times [`REMOTE_REQUEST_BYTES_MAX`].
pub const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The same if the callee is on another subnet. The system rejects larger calls
/// (`MAX_INTER_CANISTER_PAYLOAD_IN_BYTES` in the replica).
pub const REMOTE_REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of a reply, at most (`MAX_INTER_CANISTER_PAYLOAD_IN_BYTES` in the replica).
pub const RESPONSE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes that the heap of a canister may have, unless its setting `wasm_memory_limit` says otherwise
/// (`DEFAULT_WASM_MEMORY_LIMIT` in the replica).
pub const HEAP_BYTES_MAX: usize = 3 * 1024 * 1024 * 1024;

/// Calls of one fan-out that may wait for another attempt. While so many wait, no further request is taken out of the
/// iterator. A limit of this library. It bounds the memory when every call fails.
pub const DELAYED_CALLS_MAX: usize = 1_000;

/// Bytes that are kept of the text of a [`Verdict`](crate::Verdict), at most. A callee may put megabytes into an
/// error. A limit of this library.
pub const VERDICT_TEXT_BYTES_MAX: usize = 1_024;

/// Calls that one message of a fan-out ends without sending them, at most: because of a deadline, a cancellation or a
/// stop, or because the system refuses every call. A limit of this library. It bounds the work of one message: 10,000
/// outcomes take some 100 million instructions, and a message may execute 40 billion.
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
        assert_eq!(REMOTE_REQUEST_BYTES_MAX, replica::REQUEST_BYTES_MAX_REMOTE);
        assert_eq!(RESPONSE_BYTES_MAX, replica::RESPONSE_BYTES_MAX);
        assert_eq!(CALLBACKS_PER_SUBNET as usize, replica::SUBNET_CALLBACKS_SOFT_MAX);
        assert_eq!(MESSAGE_INSTRUCTIONS_MAX, replica::MESSAGE_INSTRUCTIONS_MAX);
        assert_eq!(HEAP_BYTES_MAX as u64, replica::WASM_MEMORY_LIMIT_DEFAULT);
    }
}
