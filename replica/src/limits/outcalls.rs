//! HTTP outcalls.

use super::memory::{KIB, MIB};

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
