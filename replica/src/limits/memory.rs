//! Limits of heap, stable memory and subnet memory, and of data that a canister stores besides.

use super::instructions::SCHEDULER_THREADS;
use crate::types::Instructions;

/// Bytes in a kibibyte.
pub const KIB: u64 = 1 << 10;
/// Bytes in a mebibyte.
pub const MIB: u64 = 1 << 20;
/// Bytes in a gibibyte.
pub const GIB: u64 = 1 << 30;

/// Bytes in a Wasm page (WebAssembly specification).
pub const WASM_PAGE_BYTES: u64 = 64 * KIB;

/// Bytes in an operating system page, the unit in which the replica tracks dirty pages
/// (`sys/src/lib.rs`, `PAGE_SIZE`).
pub const OS_PAGE_BYTES: usize = 4 * KIB as usize;

/// Heap delta, in bytes, after which a thread starts no further message and a round no further iteration
/// (`config/src/subnet_config.rs`, `MAX_HEAP_DELTA_PER_ITERATION`).
pub const ROUND_HEAP_DELTA_BYTES_MAX: i64 = 200_000_000;

/// Heap delta on a system subnet, in bytes, after which a thread starts no further message and a round
/// no further iteration (`SchedulerConfig::system_subnet`).
pub const SYSTEM_ROUND_HEAP_DELTA_BYTES_MAX: i64 = 2_000_000_000;

/// Rate limit of the heap delta: the bytes that a canister gets credited in each round. While its debit
/// is at least this limit, the canister executes nothing. System subnets have no rate limit
/// (`config/src/subnet_config.rs`, `heap_delta_rate_limit`).
pub const HEAP_DELTA_BYTES_PER_ROUND: u64 = 75 * MIB;

/// Default of the setting `wasm_memory_limit`, in bytes (`config/src/execution_environment.rs`).
pub const WASM_MEMORY_LIMIT_DEFAULT: u64 = 3 * GIB;

/// Largest heap of a 32-bit module, in bytes (`config/src/embedders.rs`).
pub const WASM32_MEMORY_MAX: u64 = 4 * GIB;

/// Largest heap of a 64-bit module, in bytes (`config/src/embedders.rs`).
pub const WASM64_MEMORY_MAX: u64 = 6 * GIB;

/// Largest stable memory of a canister, in bytes (`config/src/embedders.rs`).
pub const STABLE_MEMORY_MAX: u64 = 500 * GIB;

/// Most stable memory that one message may access, in bytes. The limit for writing is the same
/// (`config/src/embedders.rs`, `STABLE_MEMORY_ACCESSED_PAGE_LIMIT_MESSAGE`).
pub const STABLE_MEMORY_ACCESS_MAX: u64 = 2 * GIB;

/// Most stable memory that `canister_init` or an upgrade hook may access, in bytes (`…_UPGRADE`).
pub const STABLE_MEMORY_ACCESS_MAX_UPGRADE: u64 = 8 * GIB;

/// Most stable memory that a query or `canister_inspect_message` may access, in bytes (`…_QUERY`).
pub const STABLE_MEMORY_ACCESS_MAX_QUERY: u64 = GIB;

/// Memory capacity of a subnet for all its canisters, in bytes
/// (`config/src/execution_environment.rs`, `SUBNET_MEMORY_CAPACITY`).
pub const SUBNET_MEMORY_MAX: u64 = 2 << 40;

/// Memory usage of a subnet, in bytes, above which growing memory reserves cycles (the resource
/// reservation mechanism; `config/src/execution_environment.rs`, `SUBNET_MEMORY_THRESHOLD`).
pub const SUBNET_MEMORY_THRESHOLD: u64 = 750 * GIB;

/// The part of [`SUBNET_MEMORY_MAX`] for each thread, in bytes.
pub const SUBNET_MEMORY_SHARE: u64 = SUBNET_MEMORY_MAX / SCHEDULER_THREADS as u64;

/// The part of [`SUBNET_MEMORY_THRESHOLD`] for each thread, in bytes.
pub const SUBNET_MEMORY_SHARE_THRESHOLD: u64 = SUBNET_MEMORY_THRESHOLD / SCHEDULER_THREADS as u64;

/// Time, in seconds, for which new memory on a full subnet reserves its cost
/// (`config/src/subnet_config.rs`, `max_storage_reservation_period`).
pub const STORAGE_RESERVATION_SECONDS_MAX: u64 = 300_000_000;

/// Part of the memory capacity of a subnet that is reserved for callbacks, in bytes
/// (`config/src/execution_environment.rs`, `SUBNET_MEMORY_RESERVATION`).
pub const SUBNET_MEMORY_RESERVED: u64 =
    SUBNET_MEMORY_RESERVED_PER_THREAD * SCHEDULER_THREADS as u64;

/// The part of [`SUBNET_MEMORY_RESERVED`] for each thread, in bytes.
pub const SUBNET_MEMORY_RESERVED_PER_THREAD: u64 = 2_560 * MIB;

/// Memory that a global counts for, in bytes: a value of up to 128 bits and its type (`embedders`,
/// `Global`).
pub const GLOBAL_BYTES: u64 = 32;

/// Largest chunk in the chunk store, in bytes. Each chunk, however small, counts as this size
/// (`wasm_chunk_store.rs`, `CHUNK_SIZE`).
pub const CHUNK_BYTES_MAX: usize = MIB as usize;

/// Most snapshots of a canister (`config/src/execution_environment.rs`,
/// `MAX_NUMBER_OF_SNAPSHOTS_PER_CANISTER`).
pub const SNAPSHOTS_MAX: usize = 10;

/// Most changes that a canister's history keeps
/// (`types/types/src/lib.rs`, `MAX_CANISTER_HISTORY_CHANGES`).
pub const CANISTER_HISTORY_CHANGES_MAX: usize = 20;

/// Memory that a change in a canister's history counts for, in bytes, without its controllers
/// (`management_canister_types`, `CanisterChange::count_bytes`).
pub const CANISTER_CHANGE_BYTES: u64 = 192;

/// Memory that a controller in such a change counts for, in bytes (same source).
pub const CANISTER_CHANGE_CONTROLLER_BYTES: u64 = 30;

/// Most bytes of log records in one response of `fetch_canister_logs`
/// (`types/types/src/canister_log.rs`, `MAX_FETCH_CANISTER_LOGS_RESULT_BYTES`).
pub const FETCH_LOGS_RESPONSE_BYTES_MAX: usize = 2_000_000;

/// Instructions that `fetch_canister_logs` takes from the budget of the round
/// (`canister_logs.rs`, `fetch_canister_logs_instructions`).
pub const FETCH_LOGS_INSTRUCTIONS: Instructions = 14_000_000;

/// Instructions that `fetch_canister_logs` takes from the budget of the round for each log record (same
/// source).
pub const FETCH_LOGS_RECORD_INSTRUCTIONS: Instructions = 900;

/// Instructions that `fetch_canister_logs` takes from the budget of the round for each byte of content
/// in the log records (same source).
pub const FETCH_LOGS_BYTE_INSTRUCTIONS: Instructions = 5;

/// Bytes of a SHA-256 hash.
pub const SHA256_BYTES: usize = 32;

/// Most chunks that a canister may store, and that a module may consist of
/// (`wasm_chunk_store.rs`, `DEFAULT_MAX_SIZE`: 100 MiB).
pub const CHUNKS_MAX: usize = 100;

/// Largest certified data, in bytes (interface specification, "Certified data").
pub const CERTIFIED_DATA_BYTES_MAX: usize = 32;

/// Largest native stack of a Wasm execution, in bytes (`wasmtime_embedder.rs`).
pub const WASM_STACK_BYTES: usize = 5 * MIB as usize;

/// Most tables of a module (`embedders/src/wasmtime_embedder.rs`, `MAX_STORE_TABLES`).
pub const TABLES_MAX: usize = 1;

/// Most elements of a table (same file, `MAX_STORE_TABLE_ELEMENTS`).
pub const TABLE_ELEMENTS_MAX: usize = 1_000_000;

/// Number of rounds between two updates of the total state size of a subnet
/// (`messaging/src/message_routing.rs`).
pub const STATE_BYTES_UPDATE_ROUNDS: u64 = 10;
