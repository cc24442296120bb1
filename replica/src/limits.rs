//! Every limit of the network, with its unit, meaning and source.
//!
//! Values are those of an application subnet of the mainnet. Sources name files of the replica's
//! repository (dfinity/ic, below `rs/`, October 2025 and later) or the interface specification.

use crate::types::{Cycles, Instructions};

// ---- Instructions ---------------------------------------------------------------------------

/// Instructions one update message, reply callback or task may use
/// (`config/src/subnet_config.rs`).
pub const MESSAGE_INSTRUCTIONS_MAX: Instructions = 40_000_000_000;

/// Instructions one installation or upgrade may use (`config/src/subnet_config.rs`).
pub const INSTALL_INSTRUCTIONS_MAX: Instructions = 300_000_000_000;

/// What a message may use on a system subnet
/// (`config/src/subnet_config.rs`, `SchedulerConfig::system_subnet`).
pub const SYSTEM_MESSAGE_INSTRUCTIONS_MAX: Instructions = 50_000_000_000;

/// What an installation or upgrade may use on a system subnet.
pub const SYSTEM_INSTALL_INSTRUCTIONS_MAX: Instructions = 1_000_000_000_000;

/// Instructions one query may use (`config/src/execution_environment.rs`).
pub const QUERY_INSTRUCTIONS_MAX: Instructions = 5_000_000_000;

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

/// What replaces the limits above on a subnet made for benchmarking
/// (`pocket_ic_server/src/pocket_ic.rs`).
pub const BENCHMARKING_INSTRUCTIONS_MAX: Instructions = 99_999_999_999_999;

/// The budget with which a round starts: the round's maximum less one slice, plus one
/// (`execution_environment/src/scheduler.rs`, `execute_round`). Executions start while it is
/// above zero, and the last one may overdraw it.
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

/// The budget with which a round's management calls start: a sixteenth of the round's maximum of
/// four billion (`execution_environment/src/scheduler.rs`, `SUBNET_MESSAGES_LIMIT_FRACTION`).
pub const MANAGEMENT_BUDGET: i64 = 4_000_000_000 / 16;

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

/// Instructions charged for uploading a chunk
/// (`config/src/subnet_config.rs`, `DEFAULT_UPLOAD_CHUNK_INSTRUCTIONS`).
pub const UPLOAD_CHUNK_INSTRUCTIONS: Instructions = 200_000_000;

/// Instructions charged for taking, loading or beginning to upload a snapshot, beside one for each
/// of its bytes (`config/src/subnet_config.rs`, `DEFAULT_CANISTERS_SNAPSHOT_BASELINE_INSTRUCTIONS`).
pub const SNAPSHOT_INSTRUCTIONS: Instructions = 2_000_000_000;

/// The same for reading some of a snapshot, beside one for each byte asked for
/// (`DEFAULT_CANISTERS_SNAPSHOT_DATA_BASELINE_INSTRUCTIONS`).
pub const SNAPSHOT_DATA_INSTRUCTIONS: Instructions = 5_000_000;

/// Bytes that can be read of a snapshot at a time
/// (`management_canister_types/src/lib.rs`, `MAX_SLICE_SIZE_BYTES`).
pub const SNAPSHOT_SLICE_BYTES_MAX: u64 = 2_000_000;

/// How much cheaper it is for a round, though not for the caller, to compile a module that the
/// subnet has compiled before (`hypervisor.rs`, `DESERIALIZATION_SPEED_UP_FACTOR`).
pub const COMPILED_BEFORE_SPEEDUP: Instructions = 100;

/// Instructions charged for each page that a message changes in the heap or writes to in stable
/// memory (`config/src/subnet_config.rs`, `DEFAULT_DIRTY_PAGE_OVERHEAD`).
pub const DIRTY_PAGE_INSTRUCTIONS: Instructions = 1_000;

/// Times that for a page of the heap of a 64-bit module (`config/src/embedders.rs`,
/// `WASM64_DIRTY_PAGE_OVERHEAD_MULTIPLIER`).
pub const WASM64_DIRTY_PAGE_FACTOR: Instructions = 4;

// ---- Queues and callbacks -------------------------------------------------------------------

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

// ---- Streams between subnets ----------------------------------------------------------------

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

// ---- Payloads -------------------------------------------------------------------------------

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

/// Seconds after which an ingress message that was not executed fails
/// (`limits/src/lib.rs`, `MAX_INGRESS_TTL`).
pub const INGRESS_LIFETIME_SECONDS: u64 = 300;

/// Bytes of a reject message (`types/types/src/messages/inter_canister.rs`).
pub const REJECT_MESSAGE_BYTES_MAX: usize = 8 * KIB as usize;

// ---- Memory ---------------------------------------------------------------------------------

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
pub const SUBNET_MEMORY_RESERVED: u64 = 2_560 * MIB * SCHEDULER_THREADS as u64;

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
pub const CHANGES_MAX: usize = 20;

/// Bytes a change counts for, beside its controllers
/// (`management_canister_types`, `CanisterChange::count_bytes`).
pub const CHANGE_BYTES: u64 = 192;

/// Bytes a controller in a change counts for.
pub const CONTROLLER_BYTES: u64 = 30;

/// Bytes of log records in one answer
/// (`types/types/src/canister_log.rs`, `MAX_FETCH_CANISTER_LOGS_RESULT_BYTES`).
pub const LOGS_ANSWER_BYTES_MAX: usize = 2_000_000;

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

/// Elements of one table.
pub const TABLE_ELEMENTS_MAX: usize = 1_000_000;

// ---- Modules (embedders/src/wasm_utils/validation.rs) ---------------------------------------

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

// ---- Settings and tasks ---------------------------------------------------------------------

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

/// Percent of compute allocation a subnet has for all its canisters, one of which always stays free
/// (`config/src/execution_environment.rs`; three of the four threads).
pub const SUBNET_COMPUTE_MAX: u64 = 300;

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

/// Seconds after which `stop_canister` gives up on a canister with open call contexts
/// (`config/src/execution_environment.rs`).
pub const STOP_TIMEOUT_SECONDS: u64 = 300;

/// Work that decoding the argument of a management call may take, in the `candid` crate's units: half
/// as much again as passing over the largest argument takes, at 50 for each of its bytes.
pub const MANAGEMENT_DECODING_QUOTA: usize = 160_000_000;

/// The same for parts of it that are passed over.
pub const MANAGEMENT_SKIPPING_QUOTA: usize = 20_000_000;

// ---- HTTP outcalls --------------------------------------------------------------------------

/// Bytes the name and values of an outcall's headers and its body may have, and bytes of its response
/// (`types/types/src/canister_http.rs`, `MAX_CANISTER_HTTP_REQUEST_BYTES`, `…_RESPONSE_BYTES`).
pub const OUTCALL_REQUEST_BYTES_MAX: usize = 2_000_000;

/// Bytes of a response (`MAX_CANISTER_HTTP_RESPONSE_BYTES`).
pub const OUTCALL_RESPONSE_BYTES_MAX: u64 = 2_000_000;

/// Bytes a response may have besides, for being encoded (`CANDID_OVERHEAD_RESERVE_BYTES`).
pub const OUTCALL_RESPONSE_OVERHEAD_BYTES: u64 = 1_024;

/// Bytes of the text with which a node rejects (`MAXIMUM_CANISTER_HTTP_ERROR_MESSAGE_BYTES`).
pub const OUTCALL_REJECT_MESSAGE_BYTES_MAX: usize = 1_024;

/// Bytes such a reject counts for, its code included (`MAX_CANISTER_HTTP_REJECT_BYTES`).
pub const OUTCALL_REJECT_BYTES_MAX: u64 = OUTCALL_REJECT_MESSAGE_BYTES_MAX as u64 + 1;

/// Bytes of a URL (`MAX_CANISTER_HTTP_URL_SIZE`).
pub const OUTCALL_URL_BYTES_MAX: usize = 8_192;

/// Headers of a request or a response (`MAX_CANISTER_HTTP_HEADER_NUM`).
pub const OUTCALL_HEADERS_MAX: usize = 64;

/// Bytes of the name or the value of a header (`MAX_CANISTER_HTTP_HEADER_NAME_VALUE_LENGTH`).
pub const OUTCALL_HEADER_BYTES_MAX: usize = 8 * KIB as usize;

/// Bytes of the names and values of all headers (`MAX_CANISTER_HTTP_HEADER_TOTAL_SIZE`).
pub const OUTCALL_HEADERS_BYTES_MAX: usize = 48 * KIB as usize;

/// Outcalls of a subnet that wait for an answer (`config/src/execution_environment.rs`,
/// `MAX_CANISTER_HTTP_REQUESTS_IN_FLIGHT`).
pub const OUTCALLS_MAX: usize = 3_000;

/// Seconds after which an outcall without a result is given up, and after which what its nodes were
/// allowed to spend goes back if they never said what they did (`CANISTER_HTTP_TIMEOUT_INTERVAL`,
/// `DELIVERED_CANISTER_HTTP_REQUEST_CONTEXT_TIMEOUT`).
pub const OUTCALL_TIMEOUT_SECONDS: u64 = 60;

/// Results of outcalls in one block (`CANISTER_HTTP_MAX_RESPONSES_PER_BLOCK`).
pub const OUTCALL_RESULTS_PER_BLOCK_MAX: usize = 500;

/// Bytes of results in one block (`MAX_CANISTER_HTTP_PAYLOAD_SIZE`).
pub const OUTCALL_BYTES_PER_BLOCK_MAX: u64 = 2 * MIB;

/// Work that decoding the parameters of `ic0.cost_http_request_v2` may take, in the `candid` crate's
/// units: ten times what they need.
pub const OUTCALL_DECODING_QUOTA: usize = 10_000;

/// The same for parts of them that are passed over, of which there is one without a meaning.
pub const OUTCALL_SKIPPING_QUOTA: usize = 10;

// ---- PocketIC -------------------------------------------------------------------------------

/// Subnets the mainnet is taken to have at most: canister ids beyond theirs are none of the
/// mainnet's (`pocket_ic_server/src/pocket_ic.rs`, `MAXIMUM_NUMBER_OF_SUBNETS_ON_MAINNET`).
pub const MAINNET_SUBNETS_MAX: u64 = 1_024;

/// Rounds after which awaiting an ingress message gives up (`pocket_ic_server/src/pocket_ic.rs`).
pub const AWAIT_INGRESS_ROUNDS_MAX: usize = 100;

/// Nanoseconds by which a round moves time on when nobody else did
/// (`state_machine_tests/src/lib.rs`, `EXECUTE_ROUND_TIME_INCREMENT`).
pub const ROUND_TIME_INCREMENT_NANOS: u64 = 1;

/// Milliseconds between two rounds of an instance that progresses by itself, at least
/// (`pocket_ic_server/src/state_api/state.rs`, `MIN_OPERATION_DELAY`).
pub const PROGRESS_INTERVAL_MIN_MS: u64 = 100;

/// Bytes of a request's body: the largest ingress message in base64, and the rest of the request.
pub const REQUEST_BODY_BYTES_MAX: usize = 8 * MIB as usize;

/// Bytes of a blob that is uploaded or read as a whole, and of all blobs that are kept at a time. A
/// bound of ours, so that nobody uses up the machine's memory by accident.
pub const BLOB_BYTES_MAX: usize = GIB as usize;

/// Bytes of a snapshot that one call carries on its way to or from a directory
/// (`pocket_ic_server/src/pocket_ic.rs`, `MAX_CHUNK_SIZE`).
pub const SNAPSHOT_FILE_CHUNK_BYTES: usize = 2_000_000;
