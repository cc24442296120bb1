//! Limits of messages: queues, callbacks, streams between subnets, payloads, ingress messages.

use super::memory::{GIB, KIB, MIB};

/// Queue slots for each ordered pair of canisters and each direction: this many for requests and this
/// many for responses
/// (`replicated_state/src/canister_state/queues.rs`, `DEFAULT_QUEUE_CAPACITY`).
pub const QUEUE_CAPACITY: usize = 500;

/// Open callbacks of all canisters of a subnet above which a canister can only use its guaranteed quota
/// (`config/src/execution_environment.rs`, `SUBNET_CALLBACK_SOFT_LIMIT`).
pub const SUBNET_CALLBACKS_SOFT_MAX: usize = 1_000_000;

/// Guaranteed quota: open callbacks that every canister may have, however many other canisters have
/// (`CANISTER_GUARANTEED_CALLBACK_QUOTA`).
pub const CANISTER_CALLBACKS_GUARANTEED: usize = 50;

/// Memory capacity of a subnet for guaranteed-response messages, in bytes
/// (`config/src/execution_environment.rs`).
pub const GUARANTEED_MESSAGE_MEMORY_MAX: u64 = 15 * GIB;

/// Longest time that a guaranteed-response request waits in the output queue of its sender, in seconds
/// (`replicated_state/src/canister_state/queues/message_pool.rs`, `REQUEST_LIFETIME`).
pub const REQUEST_LIFETIME_SECONDS: u64 = 300;

/// Longest timeout of a bounded-wait call, in seconds. A longer timeout is reduced to this value
/// (`system_api.rs`, `MAX_CALL_TIMEOUT_SECONDS`).
pub const CALL_TIMEOUT_SECONDS_MAX: u32 = 300;

/// Most messages in one stream to another subnet (`config/src/message_routing.rs`).
pub const STREAM_MESSAGES_MAX: usize = 10_000;

/// Size of a stream, in payload bytes, above which it accepts no further messages
/// (`config/src/message_routing.rs`, `TARGET_STREAM_SIZE_BYTES`).
pub const STREAM_BYTES_TARGET: usize = 10 * MIB as usize;

/// Most messages from one other subnet in a block of a system subnet, less the messages that were in the
/// stream back to that subnet after the previous round. A stream to a system subnet may hold twice as many
/// (`limits/src/lib.rs`, `SYSTEM_SUBNET_STREAM_MSG_LIMIT`).
pub const SYSTEM_SUBNET_MESSAGES_MAX: usize = 100;

/// Most refunds among the messages in one stream to another subnet
/// (`messaging/src/routing/stream_builder.rs`, `refund_limit`).
pub const STREAM_REFUNDS_MAX: usize = STREAM_MESSAGES_MAX / 2;

/// Size that a refund counts for in a stream, in bytes: a principal, an amount, and the struct that
/// holds them.
pub const REFUND_BYTES: usize = 50;

/// Most bytes of messages from other subnets in one block: 95 percent of the bytes of a block, because the
/// size of a slice of a stream can be estimated only roughly (`consensus/src/consensus/payload.rs`,
/// `MAX_XNET_PAYLOAD_SIZE_ERROR_MARGIN_PERCENT`).
pub const XNET_BYTES_PER_BLOCK_MAX: usize = 4 * MIB as usize * 95 / 100;

/// About how many bytes a message from another subnet counts in a block beside its payload: those of its
/// encoding, and 16 for its place in the slice (`xnet/payload_builder/src/certified_slice_pool.rs`,
/// `message_byte_size`). The encoding of a request needs about 60 bytes, that of a response about 45.
pub const XNET_MESSAGE_OVERHEAD_BYTES: usize = 70;

/// The length of a round on the mainnet, in milliseconds: a block every half second (measured: 0.48 s).
pub const MAINNET_ROUND_MS: u64 = 500;

/// Rounds of the mainnet from sending a message to another subnet until it executes there. A round trip takes two
/// seconds (1.8 s measured in 2024, "about 2 s" in the official samples of 2026).
pub const MAINNET_ROUNDS_PER_HOP: u64 = 2;

/// Largest method name and argument together of a call to another subnet, in bytes
/// (`types/types/src/messages.rs`, `system_api.rs`).
pub const REQUEST_BYTES_MAX_REMOTE: usize = 2 * MIB as usize;

/// Largest method name and argument together of a call within a subnet, in bytes (same source).
pub const REQUEST_BYTES_MAX: usize = 5 * REQUEST_BYTES_MAX_REMOTE;

/// Largest reply, in bytes (`MAX_INTER_CANISTER_PAYLOAD_IN_BYTES`).
pub const RESPONSE_BYTES_MAX: usize = 2 * MIB as usize;

/// Largest reply of a non-replicated query, in bytes (`types/types/src/messages.rs`).
pub const QUERY_RESPONSE_BYTES_MAX: usize = 3 * MIB as usize;

/// Memory that a waiting request takes besides method name and argument, in bytes: the structs that hold
/// it in the replica (`types/types/src/messages/inter_canister.rs`, `count_bytes`).
pub const REQUEST_OVERHEAD_BYTES: u64 = 176;

/// Memory that a waiting response takes besides its payload, in bytes (same source).
pub const RESPONSE_OVERHEAD_BYTES: u64 = 144;

/// Size of a reject code within the payload of a response, in bytes (same source,
/// `RejectContext::size_bytes`).
pub const REJECT_CODE_BYTES: usize = 1;

/// Memory that an open guaranteed-response call reserves for its response, in the caller and in the
/// callee, in bytes: the memory of the largest response (`MAX_RESPONSE_COUNT_BYTES`).
pub const RESPONSE_RESERVATION_BYTES: u64 = RESPONSE_BYTES_MAX as u64 + RESPONSE_OVERHEAD_BYTES;

/// Largest method name, in bytes (`request_in_prep.rs`).
pub const METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Largest line of debug output, and largest text of a trap, in bytes. A longer text is truncated
/// (`system_api.rs`, `MAX_DEBUG_MESSAGE_SIZE`, `MAX_ERROR_MESSAGE_SIZE`).
pub const PRINTED_BYTES_MAX: usize = 32 * KIB as usize;

/// Largest ingress message, in bytes of its envelope and its id (`limits/src/lib.rs`).
pub const INGRESS_BYTES_MAX: usize = 2 * MIB as usize;

/// Size of the id of an ingress message, in bytes
/// (`types/types/src/messages/message_id.rs`, `EXPECTED_MESSAGE_ID_LENGTH`).
pub const MESSAGE_ID_BYTES: usize = 32;

/// Largest argument, in bytes, of an ingress message `update_settings` that is charged only after its
/// execution. It grows with the number of settings: 324 in October 2025, 366 with all settings of this
/// replica (`cycles_account_manager/src/cycles_account_manager.rs`,
/// `MAX_DELAYED_INGRESS_COST_PAYLOAD_SIZE`).
pub const INGRESS_PAID_AFTERWARDS_BYTES_MAX: usize = 366;

/// Most ingress messages in one block (`limits/src/lib.rs`).
pub const INGRESS_PER_BLOCK_MAX: usize = 1_000;

/// Most bytes of ingress messages in one block (`limits/src/lib.rs`).
pub const INGRESS_BYTES_PER_BLOCK_MAX: usize = 4 * MIB as usize;

/// How often a canister can have its turn in the selection of a block with the same rule: one message, and
/// further ones within its quota of bytes. With each further turn, one more message is free of the quota
/// (`ingress_manager/src/ingress_selector.rs`, `ITERATIONS_BEFORE_WEAKEN_INCLUDE_RULE`).
pub const INGRESS_ROUNDS_OF_STRICT_QUOTAS: usize = 4;

/// Most ingress messages that wait for a block. Nodes reject further ones (configuration template of the
/// nodes, `ingress_pool_max_count`).
pub const INGRESS_POOL_MESSAGES_MAX: usize = 10_000;

/// Most bytes of ingress messages that wait for a block (same source, `ingress_pool_max_bytes`).
pub const INGRESS_POOL_BYTES_MAX: usize = 100_000_000;

/// Longest time from the submission of an ingress message to its expiry, in seconds. A message that has
/// not been executed at its expiry fails (`limits/src/lib.rs`, `MAX_INGRESS_TTL`).
pub const INGRESS_LIFETIME_SECONDS_MAX: u64 = 300;

/// Seconds for which a subnet keeps the status of an ingress message after its response, for the user to
/// read (`replicated_state/src/metadata_state.rs`, `IngressHistoryState::insert`, with
/// `MAX_INGRESS_TTL`).
pub const INGRESS_STATUS_LIFETIME_SECONDS: u64 = 300;

/// Largest reject message, in bytes (`types/types/src/messages/inter_canister.rs`).
pub const REJECT_MESSAGE_BYTES_MAX: usize = 8 * KIB as usize;
