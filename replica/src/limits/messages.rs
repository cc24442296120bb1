//! What travels: queues and callbacks, streams between subnets, payloads.

use super::memory::{GIB, KIB, MIB};

/// Slots per ordered pair of canisters and direction, for requests and for responses each
/// (`replicated_state/src/canister_state/queues.rs`, `DEFAULT_QUEUE_CAPACITY`).
pub const QUEUE_CAPACITY: usize = 500;

/// Open callbacks of all canisters of a subnet beyond which only guaranteed quotas remain
/// (`config/src/execution_environment.rs`, `SUBNET_CALLBACK_SOFT_LIMIT`).
pub const SUBNET_CALLBACKS_SOFT_MAX: usize = 1_000_000;

/// Open callbacks every canister may have whatever the others do
/// (`CANISTER_GUARANTEED_CALLBACK_QUOTA`).
pub const CANISTER_CALLBACKS_GUARANTEED: usize = 50;

/// Memory of a subnet for guaranteed-response messages, in bytes
/// (`config/src/execution_environment.rs`).
pub const GUARANTEED_MESSAGE_MEMORY_MAX: u64 = 15 * GIB;

/// Seconds a guaranteed-response request may wait in its sender's output queue
/// (`replicated_state/src/canister_state/queues/message_pool.rs`, `REQUEST_LIFETIME`).
pub const REQUEST_LIFETIME_SECONDS: u64 = 300;

/// Longest timeout of a bounded-wait call, in seconds; longer ones are shortened to it
/// (`system_api.rs`, `MAX_CALL_TIMEOUT_SECONDS`).
pub const CALL_TIMEOUT_SECONDS_MAX: u32 = 300;

/// Messages one stream to another subnet may hold (`config/src/message_routing.rs`).
pub const STREAM_MESSAGES_MAX: usize = 10_000;

/// Payload bytes in a stream beyond which nothing more is put into it
/// (`config/src/message_routing.rs`, `TARGET_STREAM_SIZE_BYTES`).
pub const STREAM_BYTES_TARGET: usize = 10 * MIB as usize;

/// Messages that a block of a system subnet takes from one other subnet, less what the stream back
/// still holds; twice as many may be in the stream there
/// (`limits/src/lib.rs`, `SYSTEM_SUBNET_STREAM_MSG_LIMIT`).
pub const SYSTEM_SUBNET_MESSAGES_MAX: usize = 100;

/// Refunds among the messages one stream to another subnet may hold
/// (`messaging/src/routing/stream_builder.rs`, `refund_limit`).
pub const STREAM_REFUNDS_MAX: usize = STREAM_MESSAGES_MAX / 2;

/// Bytes a refund counts for in a stream: a principal, an amount and what holds them.
pub const REFUND_BYTES: usize = 50;

/// Bytes of messages from other subnets in one block
/// (`xnet/payload_builder/src/lib.rs`, `POOL_SLICE_BYTE_SIZE_MAX`).
pub const XNET_BYTES_PER_BLOCK_MAX: usize = 4 * MIB as usize;

/// Bytes of method name and argument of a call to another subnet; five times as much within one
/// (`types/types/src/messages.rs`, `system_api.rs`).
pub const REQUEST_BYTES_MAX_REMOTE: usize = 2 * MIB as usize;

/// Bytes of method name and argument of any call.
pub const REQUEST_BYTES_MAX: usize = 5 * REQUEST_BYTES_MAX_REMOTE;

/// Bytes of a reply (`MAX_INTER_CANISTER_PAYLOAD_IN_BYTES`).
pub const RESPONSE_BYTES_MAX: usize = 2 * MIB as usize;

/// Bytes of the reply of a query that is not replicated (`types/types/src/messages.rs`).
pub const QUERY_RESPONSE_BYTES_MAX: usize = 3 * MIB as usize;

/// Bytes an open guaranteed-response call reserves for its response on either side: the largest
/// payload and its envelope (`MAX_RESPONSE_COUNT_BYTES`).
pub const RESPONSE_RESERVATION_BYTES: u64 = RESPONSE_BYTES_MAX as u64 + 1_000;

/// Bytes of a method name (`request_in_prep.rs`).
pub const METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Bytes of a line that is shown, and of the text of a trap; what is longer is cut
/// (`system_api.rs`, `MAX_DEBUG_MESSAGE_SIZE`, `MAX_ERROR_MESSAGE_SIZE`).
pub const PRINTED_BYTES_MAX: usize = 32 * KIB as usize;

/// Bytes of one ingress message (`limits/src/lib.rs`).
pub const INGRESS_BYTES_MAX: usize = 2 * MIB as usize;

/// Bytes of an ingress message's signed envelope besides sender, receiver, method and argument:
/// field names, expiry and nonce, as an agent would have sent them for an anonymous sender.
pub const INGRESS_ENVELOPE_BYTES: usize = 150;

/// Bytes of the argument of a user's `update_settings` that is paid for only after it was executed
/// (`cycles_account_manager/src/cycles_account_manager.rs`,
/// `MAX_DELAYED_INGRESS_COST_PAYLOAD_SIZE`).
pub const INGRESS_PAID_AFTERWARDS_BYTES_MAX: usize = 267;

/// Ingress messages in one block (`limits/src/lib.rs`).
pub const INGRESS_PER_BLOCK_MAX: usize = 1_000;

/// Bytes of ingress messages in one block (`limits/src/lib.rs`).
pub const INGRESS_BYTES_PER_BLOCK_MAX: usize = 4 * MIB as usize;

/// Ingress messages that wait for blocks, before nodes take in no more of them (the
/// nodes' configuration template, `ingress_pool_max_count`).
pub const INGRESS_POOL_MESSAGES_MAX: usize = 10_000;

/// Bytes of these messages (the same, `ingress_pool_max_bytes`).
pub const INGRESS_POOL_BYTES_MAX: usize = 100_000_000;

/// Longest time, in seconds, from sending an ingress message to its expiry
/// (`limits/src/lib.rs`, `MAX_INGRESS_TTL`).
pub const INGRESS_LIFETIME_SECONDS: u64 = 300;

/// Seconds for which a subnet keeps the response to an ingress message
/// (`replicated_state/src/metadata_state.rs`, `IngressHistoryState::insert`, which also uses
/// `MAX_INGRESS_TTL`).
pub const INGRESS_RESPONSE_RETENTION_SECONDS: u64 = 300;

/// Bytes of a reject message (`types/types/src/messages/inter_canister.rs`).
pub const REJECT_MESSAGE_BYTES_MAX: usize = 8 * KIB as usize;
