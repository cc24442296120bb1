//! Memories, and what is kept beside them.

use super::instructions::SCHEDULER_THREADS;
use crate::types::Instructions;

/// Bytes in a kibibyte.
pub const KIB: u64 = 1 << 10;
/// Bytes in a mebibyte.
pub const MIB: u64 = 1 << 20;
/// Bytes in a gibibyte.
pub const GIB: u64 = 1 << 30;

/// Bytes in a Wasm page.
pub const WASM_PAGE_BYTES: u64 = 64 * KIB;

/// Bytes in a page of the replica's bookkeeping.
pub const OS_PAGE_BYTES: usize = 4 * KIB as usize;

/// Bytes of pages written to after which a thread begins no further message, and a round no further
/// iteration (`config/src/subnet_config.rs`, `MAX_HEAP_DELTA_PER_ITERATION`).
pub const ROUND_HEAP_DELTA_BYTES_MAX: i64 = 200_000_000;

/// The same on a system subnet (`SchedulerConfig::system_subnet`).
pub const SYSTEM_ROUND_HEAP_DELTA_BYTES_MAX: i64 = 2_000_000_000;

/// Bytes of pages written to that a canister is forgiven in each round; while there are as many, it
/// executes nothing. System subnets have no such limit (`config/src/subnet_config.rs`,
/// `heap_delta_rate_limit`).
pub const HEAP_DELTA_BYTES_PER_ROUND: u64 = 75 * MIB;

/// Heap a canister may have when its settings do not say otherwise, in bytes
/// (`config/src/execution_environment.rs`).
pub const WASM_MEMORY_LIMIT_DEFAULT: u64 = 3 * GIB;

/// Heap of a 32-bit module, in bytes (`config/src/embedders.rs`).
pub const WASM32_MEMORY_MAX: u64 = 4 * GIB;

/// Heap of a 64-bit module, in bytes (`config/src/embedders.rs`).
pub const WASM64_MEMORY_MAX: u64 = 6 * GIB;

/// Stable memory of a canister, in bytes (`config/src/embedders.rs`).
pub const STABLE_MEMORY_MAX: u64 = 500 * GIB;

/// Stable memory one message may access, in bytes; as much may be written to
/// (`config/src/embedders.rs`, `STABLE_MEMORY_ACCESSED_PAGE_LIMIT_MESSAGE`).
pub const STABLE_MEMORY_ACCESS_MAX: u64 = 2 * GIB;

/// The same for `canister_init` and the upgrade hooks (`…_UPGRADE`).
pub const STABLE_MEMORY_ACCESS_MAX_UPGRADE: u64 = 8 * GIB;

/// The same for queries and `canister_inspect_message` (`…_QUERY`).
pub const STABLE_MEMORY_ACCESS_MAX_QUERY: u64 = GIB;

/// Bytes all canisters of a subnet may hold together
/// (`config/src/execution_environment.rs`, `SUBNET_MEMORY_CAPACITY`).
pub const SUBNET_MEMORY_MAX: u64 = 2 << 40;

/// Bytes in use on a subnet beyond which growing costs a reservation of cycles
/// (`config/src/execution_environment.rs`, `SUBNET_MEMORY_THRESHOLD`).
pub const SUBNET_MEMORY_THRESHOLD: u64 = 750 * GIB;

/// Seconds for which memory is paid in advance where a subnet is full
/// (`config/src/subnet_config.rs`, `max_storage_reservation_period`).
pub const STORAGE_RESERVATION_SECONDS_MAX: u64 = 300_000_000;

/// Bytes of those that are kept back for callbacks
/// (`config/src/execution_environment.rs`, `SUBNET_MEMORY_RESERVATION`).
pub const SUBNET_MEMORY_RESERVED: u64 =
    SUBNET_MEMORY_RESERVED_PER_THREAD * SCHEDULER_THREADS as u64;

/// What each thread has of that.
pub const SUBNET_MEMORY_RESERVED_PER_THREAD: u64 = 2_560 * MIB;

/// Bytes of one global (`embedders`, `Global`, which holds up to 128 bits and its type).
pub const GLOBAL_BYTES: u64 = 32;

/// Bytes of one chunk of a module, for which every chunk counts
/// (`wasm_chunk_store.rs`, `CHUNK_SIZE`).
pub const CHUNK_BYTES_MAX: usize = MIB as usize;

/// Snapshots a canister may have (`config/src/execution_environment.rs`,
/// `MAX_NUMBER_OF_SNAPSHOTS_PER_CANISTER`).
pub const SNAPSHOTS_MAX: usize = 10;

/// Changes that are kept of a canister's history
/// (`types/types/src/lib.rs`, `MAX_CANISTER_HISTORY_CHANGES`).
pub const CANISTER_HISTORY_CHANGES_MAX: usize = 20;

/// Bytes a change counts for, beside its controllers
/// (`management_canister_types`, `CanisterChange::count_bytes`).
pub const CANISTER_CHANGE_BYTES: u64 = 192;

/// Bytes a controller in a change counts for.
pub const CANISTER_CHANGE_CONTROLLER_BYTES: u64 = 30;

/// Bytes of log records in one answer
/// (`types/types/src/canister_log.rs`, `MAX_FETCH_CANISTER_LOGS_RESULT_BYTES`).
pub const FETCH_LOGS_RESPONSE_BYTES_MAX: usize = 2_000_000;

/// Instructions that reading a log takes from the round's budget
/// (`canister_logs.rs`, `fetch_canister_logs_instructions`).
pub const FETCH_LOGS_INSTRUCTIONS: Instructions = 14_000_000;

/// The same for each record.
pub const FETCH_LOGS_RECORD_INSTRUCTIONS: Instructions = 900;

/// The same for each byte of their contents.
pub const FETCH_LOGS_BYTE_INSTRUCTIONS: Instructions = 5;

/// Bytes of a SHA-256 hash.
pub const SHA256_BYTES: usize = 32;

/// Chunks a canister may store, and a module may be made of (`wasm_chunk_store.rs`, `DEFAULT_MAX_SIZE`, 100 MiB).
pub const CHUNKS_MAX: usize = 100;

/// Bytes of certified data (interface specification, "Certified data").
pub const CERTIFIED_DATA_BYTES_MAX: usize = 32;

/// Native stack a Wasm execution may use, in bytes (`wasmtime_embedder.rs`).
pub const WASM_STACK_BYTES: usize = 5 * MIB as usize;

/// Tables of a module (`embedders/src/wasmtime_embedder.rs`, `MAX_STORE_TABLES`).
pub const TABLES_MAX: usize = 1;

/// Elements of one table.
pub const TABLE_ELEMENTS_MAX: usize = 1_000_000;

/// Every how many rounds the bytes of all canisters' state are counted
/// (`messaging/src/message_routing.rs`).
pub const STATE_BYTES_UPDATE_ROUNDS: u64 = 10;
