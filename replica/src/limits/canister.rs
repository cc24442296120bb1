//! Modules, settings and tasks of a canister.
//!
//! Limits of modules that name no source are in `embedders/src/wasm_utils/validation.rs`.

use super::memory::{KIB, MIB};
use crate::types::{Cycles, Instructions};

/// Bytes of a module once it is decompressed (`config/src/embedders.rs`).
pub const MODULE_BYTES_MAX: usize = 100 * MIB as usize;

/// Bytes of a module's code section.
pub const CODE_SECTION_BYTES_MAX: usize = 11 * MIB as usize;

/// Functions a module may define.
pub const FUNCTIONS_MAX: u32 = 50_000;

/// Instructions one function may have.
pub const FUNCTION_INSTRUCTIONS_MAX: u64 = 1_000_000;

/// Complexity one function may have, as the sum over its instructions
/// (`WASM_FUNCTION_COMPLEXITY_LIMIT`).
pub const FUNCTION_COMPLEXITY_MAX: u64 = 1_000_000;

/// Globals a module may define.
pub const GLOBALS_MAX: u32 = 1_000;

/// Exported canister methods a module may have.
pub const EXPORTED_METHODS_MAX: usize = 1_000;

/// Bytes of the names of all exported canister methods together.
pub const EXPORTED_METHOD_NAME_BYTES_MAX: usize = 20_000;

/// Custom sections named `icp:…` a module may have.
pub const CUSTOM_SECTIONS_MAX: usize = 16;

/// Bytes of all custom sections named `icp:…` together.
pub const CUSTOM_SECTIONS_BYTES_MAX: usize = MIB as usize;

/// Cycles a canister created without an amount starts with (PocketIC, and the `pocket-ic` crate).
pub const PROVISIONAL_CYCLES_DEFAULT: Cycles = 100_000_000_000_000;

/// Controllers a canister may have (interface specification, `update_settings`).
pub const CONTROLLERS_MAX: usize = 10;

/// Principals that may be allowed to see a canister's status, log or snapshots, beside its controllers
/// (interface specification, `create_canister`).
pub const VIEWERS_MAX: usize = 10;

/// Largest `wasm_memory_limit` and `wasm_memory_threshold`, in bytes (`canister_settings.rs`,
/// `MAX_WASM_MEMORY_LIMIT`).
pub const WASM_MEMORY_SETTINGS_MAX: Cycles = 1 << 48;

/// Percent of compute a subnet has for all its canisters: three of the four threads
/// (`execution_environment/src/scheduler.rs`, `compute_capacity_percent`).
pub const SUBNET_COMPUTE_CAPACITY_PERCENT: u64 = 300;

/// Percent of it that can be allocated to canisters, one of which always stays free
/// (`config/src/execution_environment.rs`, `allocatable_compute_capacity_in_percent`).
pub const SUBNET_COMPUTE_ALLOCATION_MAX_PERCENT: u64 = SUBNET_COMPUTE_CAPACITY_PERCENT * 50 / 100;

/// Default freezing threshold, in seconds: 30 days.
pub const FREEZING_THRESHOLD_SECONDS_DEFAULT: u64 = 30 * 24 * 60 * 60;

/// Default limit of reserved cycles.
pub const RESERVED_CYCLES_LIMIT_DEFAULT: Cycles = 5_000_000_000_000;

/// Environment variables a canister may have (interface specification, settings).
pub const ENVIRONMENT_VARIABLES_MAX: usize = 20;

/// Bytes of an environment variable's name or value (interface specification, settings).
pub const ENVIRONMENT_VARIABLE_BYTES_MAX: usize = 128;

/// Bytes of log a canister keeps when its settings do not say otherwise
/// (`types/types/src/canister_log.rs`, `DEFAULT_AGGREGATE_LOG_MEMORY_LIMIT`).
pub const CANISTER_LOG_BYTES_DEFAULT: usize = 4 * KIB as usize;

/// Bytes of log a canister keeps at least, if it keeps one
/// (`types/types/src/canister_log.rs`, `MIN_AGGREGATE_LOG_MEMORY_LIMIT`).
pub const CANISTER_LOG_BYTES_MIN: usize = 4 * KIB as usize;

/// The largest such setting (`types/types/src/canister_log.rs`, `MAX_AGGREGATE_LOG_MEMORY_LIMIT`).
pub const CANISTER_LOG_BYTES_MAX: usize = 2 * MIB as usize;

/// Bytes of log one message may write, however much the canister keeps
/// (`types/types/src/canister_log.rs`, `MAX_DELTA_LOG_MEMORY_LIMIT`).
pub const MESSAGE_LOG_BYTES_MAX: usize = 2 * MIB as usize;

/// Bytes a record of the canister's log counts for beside its content: number, time and length
/// (`log_memory_store/log_record.rs`).
pub const CANISTER_LOG_RECORD_BYTES: usize = 20;

/// The same within the message that writes it (`CanisterLogRecord::data_size`).
pub const MESSAGE_LOG_RECORD_BYTES: usize = 40;

/// Instructions charged for each byte of a record that is written, with the one that is forgotten
/// for it (`linker.rs`, `logging_charge_bytes`).
pub const LOGGED_BYTE_INSTRUCTIONS: Instructions = 2;

/// Bytes of lines of one message that are shown to whoever watches; more than any one line has.
pub const MESSAGE_PRINTED_BYTES_MAX: usize = 128 * KIB as usize;

/// What a shown line counts for beside its text, so that empty lines count, too.
pub const PRINTED_LINE_BYTES: usize = 16;

/// Seconds between two charges for memory and compute allocation
/// (`config/src/subnet_config.rs`).
pub const ALLOCATION_CHARGE_INTERVAL_SECONDS: u64 = 10;

/// Days of which `node_metrics_history` tells
/// (`replicated_state/src/metadata_state.rs`, `BLOCKMAKER_METRICS_TIME_SERIES_NUM_SNAPSHOTS`).
pub const BLOCK_MAKER_DAYS_MAX: usize = 60;

/// Seconds after which `stop_canister` gives up on a canister with open call contexts
/// (`config/src/execution_environment.rs`).
pub const STOP_TIMEOUT_SECONDS: u64 = 300;

/// Work that decoding the argument of a management call may take, in the `candid` crate's units: half
/// as much again as passing over the largest argument takes, at 50 for each of its bytes.
pub const MANAGEMENT_DECODING_QUOTA: usize = 160_000_000;

/// The same for parts of it that are passed over.
pub const MANAGEMENT_SKIPPING_QUOTA: usize = 20_000_000;
