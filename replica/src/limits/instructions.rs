//! Instruction limits of messages and rounds, and operations that are charged in instructions.

use super::memory::OS_PAGE_BYTES;
use crate::types::Instructions;

/// Most instructions of one update message, callback or task (`config/src/subnet_config.rs`).
pub const MESSAGE_INSTRUCTIONS_MAX: Instructions = 40_000_000_000;

/// Most instructions of one installation or upgrade (`config/src/subnet_config.rs`).
pub const INSTALL_INSTRUCTIONS_MAX: Instructions = 300_000_000_000;

/// Rate limit of installations: the instructions of installations that a canister gets credited in each
/// round. While a canister has a debit, it rejects installations. While the debit is at least this
/// limit, it executes nothing. System subnets have no rate limit (`config/src/subnet_config.rs`,
/// `install_code_rate_limit`).
pub const INSTALL_INSTRUCTIONS_PER_ROUND: Instructions = SLICE_INSTRUCTIONS_MAX;

/// Most instructions of one message on a system subnet
/// (`config/src/subnet_config.rs`, `SchedulerConfig::system_subnet`).
pub const SYSTEM_MESSAGE_INSTRUCTIONS_MAX: Instructions = 50_000_000_000;

/// Most instructions of one installation or upgrade on a system subnet
/// (`SchedulerConfig::system_subnet`).
pub const SYSTEM_INSTALL_INSTRUCTIONS_MAX: Instructions = 1_000_000_000_000;

/// Most instructions of one slice (deterministic time slicing). A longer message, callback, task or
/// installation continues in later rounds (`config/src/subnet_config.rs`, `MAX_INSTRUCTIONS_PER_SLICE`).
pub const SLICE_INSTRUCTIONS_MAX: Instructions = 2_000_000_000;

/// Most instructions of one slice of an installation on a system subnet
/// (`SchedulerConfig::system_subnet`).
pub const SYSTEM_INSTALL_SLICE_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

/// Most paused executions of a subnet. Further ones are aborted and start again later
/// (`config/src/subnet_config.rs`, `MAX_PAUSED_EXECUTIONS`).
pub const PAUSED_EXECUTIONS_MAX: usize = 4;

/// Most instructions of one query, and of one message that calls a query method
/// (`config/src/subnet_config.rs`, `MAX_INSTRUCTIONS_PER_QUERY_MESSAGE`).
pub const QUERY_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

/// Most instructions of a message that calls a query method on a system subnet
/// (`SchedulerConfig::system_subnet`). [`QUERY_CALLS_INSTRUCTIONS_MAX`] still limits queries.
pub const SYSTEM_QUERY_INSTRUCTIONS_MAX: Instructions = SYSTEM_MESSAGE_INSTRUCTIONS_MAX;

/// Most instructions of a query together with all queries that it calls
/// (`config/src/execution_environment.rs`, `MAX_INSTRUCTIONS_PER_COMPOSITE_QUERY_CALL`).
pub const QUERY_CALLS_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

/// Instructions that each call of a composite query takes from [`QUERY_CALLS_INSTRUCTIONS_MAX`] in
/// addition to those that it executes
/// (`config/src/execution_environment.rs`, `INSTRUCTION_OVERHEAD_PER_QUERY_CALL`).
pub const QUERY_CALL_OVERHEAD_INSTRUCTIONS: i64 = 50_000_000;

/// Greatest depth of nested calls of composite queries
/// (`config/src/execution_environment.rs`, `MAX_QUERY_CALL_DEPTH`).
pub const QUERY_CALL_DEPTH_MAX: usize = 6;

/// Most instructions of `canister_inspect_message` (`config/src/execution_environment.rs`).
pub const INSPECT_INSTRUCTIONS_MAX: Instructions = 200_000_000;

/// The instruction limit of messages, slices, queries and rounds on a subnet for benchmarking
/// (`pocket_ic_server/src/pocket_ic.rs`).
pub const BENCHMARKING_INSTRUCTIONS_MAX: Instructions = 99_999_999_999_999;

/// Most instructions of a round, as of 2026. Until 2025 the limit was seven billion
/// (`config/src/subnet_config.rs`, `MAX_INSTRUCTIONS_PER_ROUND`).
pub const ROUND_INSTRUCTIONS_MAX: Instructions = 4_000_000_000;

/// Most instructions of a round on a system subnet (`SchedulerConfig::system_subnet`).
pub const SYSTEM_ROUND_INSTRUCTIONS_MAX: Instructions = 7_000_000_000;

/// Instruction budget at the start of a round: the most instructions of a round, less the longest slice,
/// plus one. The budget is the same on all subnets (`execution_environment/src/scheduler.rs`,
/// `execute_round`). An execution can start while the budget is positive; the last one may exceed it.
pub const ROUND_BUDGET: i64 = 2_000_000_001;

/// Instructions that a node executes in a second, as the limits of slices and rounds assume: one per cycle of a
/// processor with 2 GHz (`config/src/subnet_config.rs`, `MAX_INSTRUCTIONS_PER_SLICE`).
pub const INSTRUCTIONS_PER_SECOND: Instructions = 2_000_000_000;

/// Instructions that each executed message takes from the budget of the round, in addition to its own.
/// Nobody is charged for them (`INSTRUCTION_OVERHEAD_PER_EXECUTION`).
pub const ROUND_OVERHEAD_PER_MESSAGE: i64 = 2_000_000;

/// Instructions that each canister which executed something in an iteration takes from the budget of
/// the round (`INSTRUCTION_OVERHEAD_PER_CANISTER`).
pub const ROUND_OVERHEAD_PER_CANISTER: i64 = 8_000_000;

/// Instructions that every canister of the subnet takes from the budget of the round in an iteration
/// (`INSTRUCTION_OVERHEAD_PER_CANISTER_FOR_FINALIZATION`).
pub const ROUND_OVERHEAD_FINALIZATION: i64 = 12_000;

/// Divisor for the instruction limit of all management calls of a round: their limit is the most
/// instructions of a round divided by this number
/// (`execution_environment/src/scheduler.rs`, `SUBNET_MESSAGES_LIMIT_FRACTION`).
pub const MANAGEMENT_BUDGET_FRACTION: Instructions = 16;

/// Number of execution threads over which a round distributes its canisters
/// (`config/src/subnet_config.rs`). This replica executes them one after the other, each with the
/// budget of a thread.
pub const SCHEDULER_THREADS: usize = 4;

/// Instructions charged for each byte that the sandbox transmits to the replica process
/// (`linker.rs`, `BYTE_TRANSMISSION_COST_FACTOR`).
pub const TRANSMITTED_BYTE_INSTRUCTIONS: Instructions = 50;

/// Part of a callback's instruction limit that is reserved for its cleanup callback, in percent
/// (`execution_environment/src/execution/response.rs`).
pub const CLEANUP_RESERVE_PERCENT: u64 = 5;

/// Instructions that an installation is charged for compiling one Wasm instruction
/// (`config/src/embedders.rs`).
pub const COMPILE_COST_PER_WASM_INSTRUCTION: Instructions = 6_000;

/// Instructions charged for uploading a chunk. Free on a system subnet
/// (`config/src/subnet_config.rs`, `DEFAULT_UPLOAD_CHUNK_INSTRUCTIONS`).
pub const UPLOAD_CHUNK_INSTRUCTIONS: Instructions = 200_000_000;

/// Instructions charged for taking or loading a snapshot, or for starting its upload, in addition to one
/// for each byte. Free on a system subnet (`config/src/subnet_config.rs`,
/// `DEFAULT_CANISTERS_SNAPSHOT_BASELINE_INSTRUCTIONS`).
pub const SNAPSHOT_INSTRUCTIONS: Instructions = 2_000_000_000;

/// Instructions charged for reading a part of a snapshot, in addition to one for each requested byte.
/// Free on a system subnet (`DEFAULT_CANISTERS_SNAPSHOT_DATA_BASELINE_INSTRUCTIONS`).
pub const SNAPSHOT_DATA_INSTRUCTIONS: Instructions = 5_000_000;

/// Most bytes of a snapshot that one call can read
/// (`management_canister_types/src/lib.rs`, `MAX_SLICE_SIZE_BYTES`).
pub const SNAPSHOT_SLICE_BYTES_MAX: u64 = 2_000_000;

/// Instructions charged for listing the canisters of a subnet, in addition to those for each canister
/// (`execution/common.rs`, `list_canisters_instructions`).
pub const LIST_INSTRUCTIONS: Instructions = 20_000_000;

/// Instructions charged for each canister in the list (same source).
pub const LIST_INSTRUCTIONS_PER_CANISTER: Instructions = 16_000;

/// Divisor for the instructions that compiling a module counts as, if the subnet has installed the module
/// since its last checkpoint (`execution_environment.rs`, `DESERIALIZATION_SPEED_UP_FACTOR`).
pub const KNOWN_MODULE_SPEEDUP: Instructions = 100;

/// Rounds from one checkpoint to the next, with PocketIC (`state_machine_tests/src/lib.rs`,
/// `checkpoint_interval_length`).
pub const CHECKPOINT_INTERVAL_ROUNDS: u64 = 500;

/// Rounds from one checkpoint of a system subnet to the next, with PocketIC (same source).
pub const SYSTEM_CHECKPOINT_INTERVAL_ROUNDS: u64 = 200;

/// Instructions charged for each dirty page: a heap page that a message changes, or a stable memory page
/// that it writes to (`config/src/subnet_config.rs`, `DEFAULT_DIRTY_PAGE_OVERHEAD`).
pub const DIRTY_PAGE_INSTRUCTIONS: Instructions = 1_000;

/// Factor for the charge of a dirty heap page in a 64-bit module (`config/src/embedders.rs`,
/// `WASM64_DIRTY_PAGE_OVERHEAD_MULTIPLIER`).
pub const WASM64_DIRTY_PAGE_FACTOR: Instructions = 4;

/// Most dirty heap pages that are copied in the last slice of an execution. More pages are copied in an
/// additional slice (`config/src/embedders.rs`, `DEFAULT_MAX_DIRTY_PAGES_WITHOUT_OPTIMIZATION`).
pub const PAGES_COPIED_AT_ONCE_MAX: usize = (1 << 30) / OS_PAGE_BYTES;
