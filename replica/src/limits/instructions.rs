//! Instructions: what messages and rounds have, and what is charged as such.

use super::memory::OS_PAGE_BYTES;
use crate::types::Instructions;

/// Instructions one update message, reply callback or task may use
/// (`config/src/subnet_config.rs`).
pub const MESSAGE_INSTRUCTIONS_MAX: Instructions = 40_000_000_000;

/// Instructions one installation or upgrade may use (`config/src/subnet_config.rs`).
pub const INSTALL_INSTRUCTIONS_MAX: Instructions = 300_000_000_000;

/// Instructions of installations that a canister is forgiven in each round; while there are any left,
/// it takes no other code, and while there are as many, it executes nothing. System subnets have no
/// such limit (`config/src/subnet_config.rs`, `install_code_rate_limit`).
pub const INSTALL_INSTRUCTIONS_PER_ROUND: Instructions = SLICE_INSTRUCTIONS_MAX;

/// What a message may use on a system subnet
/// (`config/src/subnet_config.rs`, `SchedulerConfig::system_subnet`).
pub const SYSTEM_MESSAGE_INSTRUCTIONS_MAX: Instructions = 50_000_000_000;

/// What an installation or upgrade may use on a system subnet.
pub const SYSTEM_INSTALL_INSTRUCTIONS_MAX: Instructions = 1_000_000_000_000;

/// Instructions of an update message, reply callback, task or installation that a round executes; the
/// rest follows in later rounds (`config/src/subnet_config.rs`, `MAX_INSTRUCTIONS_PER_SLICE`).
pub const SLICE_INSTRUCTIONS_MAX: Instructions = 2_000_000_000;

/// The same for an installation on a system subnet.
pub const SYSTEM_INSTALL_SLICE_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

/// Executions of a subnet that can wait for their next slice; others begin anew
/// (`config/src/subnet_config.rs`, `MAX_PAUSED_EXECUTIONS`).
pub const PAUSED_EXECUTIONS_MAX: usize = 4;

/// Instructions one query may use, and a message that calls a query method
/// (`config/src/subnet_config.rs`, `MAX_INSTRUCTIONS_PER_QUERY_MESSAGE`).
pub const QUERY_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

/// The same on a system subnet, where queries still have to do with
/// [`QUERY_CALLS_INSTRUCTIONS_MAX`] (`SchedulerConfig::system_subnet`).
pub const SYSTEM_QUERY_INSTRUCTIONS_MAX: Instructions = SYSTEM_MESSAGE_INSTRUCTIONS_MAX;

/// Instructions a query and all the queries it leads to may use
/// (`config/src/execution_environment.rs`, `MAX_INSTRUCTIONS_PER_COMPOSITE_QUERY_CALL`).
pub const QUERY_CALLS_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

/// What each call of a composite query takes from that besides its instructions
/// (`config/src/execution_environment.rs`, `INSTRUCTION_OVERHEAD_PER_QUERY_CALL`).
pub const QUERY_CALL_OVERHEAD_INSTRUCTIONS: i64 = 50_000_000;

/// Composite queries that may wait for each other
/// (`config/src/execution_environment.rs`, `MAX_QUERY_CALL_DEPTH`).
pub const QUERY_CALL_DEPTH_MAX: usize = 6;

/// Instructions `canister_inspect_message` may use (`config/src/execution_environment.rs`).
pub const INSPECT_INSTRUCTIONS_MAX: Instructions = 200_000_000;

/// What replaces the limits of messages, slices and queries on a subnet made for benchmarking, and the
/// round's maximum (`pocket_ic_server/src/pocket_ic.rs`).
pub const BENCHMARKING_INSTRUCTIONS_MAX: Instructions = 99_999_999_999_999;

/// A round's maximum as of 2026; until 2025 it was seven billion (`config/src/subnet_config.rs`,
/// `MAX_INSTRUCTIONS_PER_ROUND`).
pub const ROUND_INSTRUCTIONS_MAX: Instructions = 4_000_000_000;

/// The same on a system subnet: a slice of an installation more (`SchedulerConfig::system_subnet`).
pub const SYSTEM_ROUND_INSTRUCTIONS_MAX: Instructions = 7_000_000_000;

/// The budget with which a round starts: the round's maximum less the longest slice, plus one, which
/// is the same on all subnets (`execution_environment/src/scheduler.rs`, `execute_round`). Executions
/// start while it is above zero, and the last one may overdraw it.
pub const ROUND_BUDGET: i64 = 2_000_000_001;

/// What each executed message takes from the round's budget besides its instructions; nobody pays
/// for it (`INSTRUCTION_OVERHEAD_PER_EXECUTION`).
pub const ROUND_OVERHEAD_PER_MESSAGE: i64 = 2_000_000;

/// What each canister that executed something takes from the round's budget in an iteration
/// (`INSTRUCTION_OVERHEAD_PER_CANISTER`).
pub const ROUND_OVERHEAD_PER_CANISTER: i64 = 8_000_000;

/// What every canister of the subnet takes from the round's budget in an iteration
/// (`INSTRUCTION_OVERHEAD_PER_CANISTER_FOR_FINALIZATION`).
pub const ROUND_OVERHEAD_FINALIZATION: i64 = 12_000;

/// The part of a round's maximum that its management calls have is one of so many
/// (`execution_environment/src/scheduler.rs`, `SUBNET_MESSAGES_LIMIT_FRACTION`).
pub const MANAGEMENT_BUDGET_FRACTION: Instructions = 16;

/// Execution threads over which a round spreads its canisters (`config/src/subnet_config.rs`).
/// They are only counted here: one after the other, each with the budget it would have had.
pub const SCHEDULER_THREADS: usize = 4;

/// Instructions charged for each byte that passes between the sandbox and the rest of the replica
/// (`linker.rs`, `BYTE_TRANSMISSION_COST_FACTOR`).
pub const TRANSMITTED_BYTE_INSTRUCTIONS: Instructions = 50;

/// Share of the message limit kept back for cleanup, in percent
/// (`execution_environment/src/execution/response.rs`).
pub const CLEANUP_RESERVE_PERCENT: u64 = 5;

/// Instructions charged for compiling one Wasm instruction at installation
/// (`config/src/embedders.rs`).
pub const COMPILE_COST_PER_WASM_INSTRUCTION: Instructions = 6_000;

/// Instructions charged for uploading a chunk; none on a system subnet
/// (`config/src/subnet_config.rs`, `DEFAULT_UPLOAD_CHUNK_INSTRUCTIONS`).
pub const UPLOAD_CHUNK_INSTRUCTIONS: Instructions = 200_000_000;

/// Instructions charged for taking, loading or beginning to upload a snapshot, beside one for each
/// of its bytes; none on a system subnet (`config/src/subnet_config.rs`,
/// `DEFAULT_CANISTERS_SNAPSHOT_BASELINE_INSTRUCTIONS`).
pub const SNAPSHOT_INSTRUCTIONS: Instructions = 2_000_000_000;

/// The same for reading some of a snapshot, beside one for each byte asked for; none on a system
/// subnet (`DEFAULT_CANISTERS_SNAPSHOT_DATA_BASELINE_INSTRUCTIONS`).
pub const SNAPSHOT_DATA_INSTRUCTIONS: Instructions = 5_000_000;

/// Bytes that can be read of a snapshot at a time
/// (`management_canister_types/src/lib.rs`, `MAX_SLICE_SIZE_BYTES`).
pub const SNAPSHOT_SLICE_BYTES_MAX: u64 = 2_000_000;

/// Instructions charged for listing a subnet's canisters, beside those for each
/// (`execution/common.rs`, `list_canisters_instructions`).
pub const LIST_INSTRUCTIONS: Instructions = 20_000_000;

/// The same for each canister there is.
pub const LIST_INSTRUCTIONS_PER_CANISTER: Instructions = 16_000;

/// How much cheaper it is for a round, though not for the caller, to compile a module that the
/// subnet has compiled before (`hypervisor.rs`, `DESERIALIZATION_SPEED_UP_FACTOR`).
pub const CACHED_COMPILATION_SPEEDUP: Instructions = 100;

/// Instructions charged for each page that a message changes in the heap or writes to in stable
/// memory (`config/src/subnet_config.rs`, `DEFAULT_DIRTY_PAGE_OVERHEAD`).
pub const DIRTY_PAGE_INSTRUCTIONS: Instructions = 1_000;

/// Times that for a page of the heap of a 64-bit module (`config/src/embedders.rs`,
/// `WASM64_DIRTY_PAGE_OVERHEAD_MULTIPLIER`).
pub const WASM64_DIRTY_PAGE_FACTOR: Instructions = 4;

/// Changed pages of the heap beyond which they are copied in a slice of their own
/// (`config/src/embedders.rs`, `DEFAULT_MAX_DIRTY_PAGES_WITHOUT_OPTIMIZATION`).
pub const PAGES_COPIED_AT_ONCE_MAX: usize = (1 << 30) / OS_PAGE_BYTES;
