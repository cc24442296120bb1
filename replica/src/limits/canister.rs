//! Limits of the modules, settings, logs and tasks of a canister.
//!
//! Source of the limits of modules, unless one is given: `embedders/src/wasm_utils/validation.rs`.

use super::memory::{KIB, MIB};
use crate::types::{Cycles, Instructions};

/// Largest module after decompression, in bytes (`config/src/embedders.rs`).
pub const MODULE_BYTES_MAX: usize = 100 * MIB as usize;

/// Largest code section of a module, in bytes.
pub const CODE_SECTION_BYTES_MAX: usize = 11 * MIB as usize;

/// Most functions that a module may define.
pub const FUNCTIONS_MAX: u32 = 50_000;

/// Most Wasm instructions of one function.
pub const FUNCTION_INSTRUCTIONS_MAX: u64 = 1_000_000;

/// Largest complexity of one function: the sum over its instructions
/// (`WASM_FUNCTION_COMPLEXITY_LIMIT`).
pub const FUNCTION_COMPLEXITY_MAX: u64 = 1_000_000;

/// Greatest sum, over the functions of a module, of the square of the values that a function merges or passes
/// (`wasm/module/effort.rs`). A bound of this project: compiling takes up to 14 s. Of large modules
/// that LLVM has compiled, those with 11 MB of code have 0.6 billion, one with 27 MB has 3.7 billion.
pub const COMPILE_MERGED_SQUARED_MAX: u64 = 5_000_000_000;

/// Most merged values of a module, counted once for each branch. A bound of this project. Large modules have
/// 7 million in 10 MB of code.
pub const COMPILE_BRANCHED_MAX: u64 = 20_000_000;

/// Greatest sum, over the functions of a module, of blocks and branches times locals. A bound of this project.
/// Large modules have 10 million in 11 MB of code.
pub const COMPILE_LIVE_MAX: u64 = 50_000_000;

/// Most targets of all branch tables of a module. A bound of this project. Large modules have 0.3 million.
pub const BRANCH_TABLE_TARGETS_MAX: u64 = 2_000_000;

/// Most globals that a module may define.
pub const GLOBALS_MAX: u32 = 1_000;

/// Most canister methods that a module may export.
pub const EXPORTED_METHODS_MAX: usize = 1_000;

/// Largest sum of the lengths of all exported method names, in bytes.
pub const EXPORTED_METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Most custom sections named `icp:…` of a module.
pub const CUSTOM_SECTIONS_MAX: usize = 16;

/// Largest sum of the sizes of all custom sections named `icp:…`, in bytes.
pub const CUSTOM_SECTIONS_BYTES_MAX: usize = MIB as usize;

/// Initial cycles of a canister that is created without an amount (PocketIC, and the `pocket-ic` crate).
pub const PROVISIONAL_CYCLES_DEFAULT: Cycles = 100_000_000_000_000;

/// Most controllers of a canister (interface specification, `update_settings`).
pub const CONTROLLERS_MAX: usize = 10;

/// Most principals, in addition to the controllers, that each of the settings for the visibility of
/// status, log and snapshots may allow (interface specification, `create_canister`).
pub const VIEWERS_MAX: usize = 10;

/// Largest `wasm_memory_limit` and `wasm_memory_threshold`, in bytes (`canister_settings.rs`,
/// `MAX_WASM_MEMORY_LIMIT`).
pub const WASM_MEMORY_SETTINGS_MAX: Cycles = 1 << 48;

/// Compute capacity of a subnet for all its canisters, in percent of one thread: three of the four
/// threads (`execution_environment/src/scheduler.rs`, `compute_capacity_percent`).
pub const SUBNET_COMPUTE_CAPACITY_PERCENT: u64 = 300;

/// Part of the compute capacity that canisters can allocate, in percent of one thread. One percent of it
/// always stays free (`config/src/execution_environment.rs`, `allocatable_compute_capacity_in_percent`).
pub const SUBNET_COMPUTE_ALLOCATION_MAX_PERCENT: u64 = SUBNET_COMPUTE_CAPACITY_PERCENT * 50 / 100;

/// Default freezing threshold, in seconds: 30 days (interface specification, settings).
pub const FREEZING_THRESHOLD_SECONDS_DEFAULT: u64 = 30 * 24 * 60 * 60;

/// Default of the setting `reserved_cycles_limit`, in cycles (interface specification, settings).
pub const RESERVED_CYCLES_LIMIT_DEFAULT: Cycles = 5_000_000_000_000;

/// Most environment variables of a canister (interface specification, settings).
pub const ENVIRONMENT_VARIABLES_MAX: usize = 20;

/// Largest name and largest value of an environment variable, in bytes (interface specification,
/// settings).
pub const ENVIRONMENT_VARIABLE_BYTES_MAX: usize = 128;

/// Default of the setting `log_memory_limit`, in bytes
/// (`types/types/src/canister_log.rs`, `DEFAULT_AGGREGATE_LOG_MEMORY_LIMIT`).
pub const CANISTER_LOG_BYTES_DEFAULT: usize = 4 * KIB as usize;

/// Smallest capacity of a canister log that is not disabled, in bytes
/// (`types/types/src/canister_log.rs`, `MIN_AGGREGATE_LOG_MEMORY_LIMIT`).
pub const CANISTER_LOG_BYTES_MIN: usize = 4 * KIB as usize;

/// Largest setting `log_memory_limit`, in bytes
/// (`types/types/src/canister_log.rs`, `MAX_AGGREGATE_LOG_MEMORY_LIMIT`).
pub const CANISTER_LOG_BYTES_MAX: usize = 2 * MIB as usize;

/// Most bytes that one message may write to the canister log, whatever the capacity of the log
/// (`types/types/src/canister_log.rs`, `MAX_DELTA_LOG_MEMORY_LIMIT`).
pub const MESSAGE_LOG_BYTES_MAX: usize = 2 * MIB as usize;

/// Overhead of a log record in the canister log, in bytes: index, time and length
/// (`log_memory_store/log_record.rs`).
pub const CANISTER_LOG_RECORD_BYTES: usize = 20;

/// Overhead of a log record in the log of the message that writes it, in bytes
/// (`CanisterLogRecord::data_size`).
pub const MESSAGE_LOG_RECORD_BYTES: usize = 40;

/// Instructions charged for each byte of a log record: one for the written byte, one for the byte that
/// is evicted for it (`linker.rs`, `logging_charge_bytes`).
pub const LOGGED_BYTE_INSTRUCTIONS: Instructions = 2;

/// Most bytes of one message's lines that the replica passes on for display. More than the largest
/// line. A bound of this project.
pub const MESSAGE_PRINTED_BYTES_MAX: usize = 128 * KIB as usize;

/// Overhead of a line for display, in bytes, so that empty lines count. A bound of this project.
pub const PRINTED_LINE_BYTES: usize = 16;

/// Time between two charges for memory and compute allocation, in seconds
/// (`config/src/subnet_config.rs`).
pub const ALLOCATION_CHARGE_INTERVAL_SECONDS: u64 = 10;

/// Most days in the response of `node_metrics_history`
/// (`replicated_state/src/metadata_state.rs`, `BLOCKMAKER_METRICS_TIME_SERIES_NUM_SNAPSHOTS`).
pub const BLOCK_MAKER_DAYS_MAX: usize = 60;

/// Timeout of `stop_canister` for a canister with open call contexts, in seconds
/// (`config/src/execution_environment.rs`).
pub const STOP_TIMEOUT_SECONDS: u64 = 300;

/// Decoding quota for the argument of a management call, in units of the `candid` crate: 1.5 times the
/// cost of skipping the largest argument, which is 50 for each byte. A bound of this project.
pub const MANAGEMENT_DECODING_QUOTA: usize = 160_000_000;

/// Skipping quota for the argument of a management call, in units of the `candid` crate: for the parts
/// that the method does not read. A bound of this project.
pub const MANAGEMENT_SKIPPING_QUOTA: usize = 20_000_000;
