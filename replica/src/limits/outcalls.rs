//! Limits of HTTP outcalls. Source, unless one is given: `types/types/src/canister_http.rs`.

use super::memory::{KIB, MIB};

/// Largest request, in bytes: the names and values of the headers, and the body
/// (`MAX_CANISTER_HTTP_REQUEST_BYTES`).
pub const OUTCALL_REQUEST_BYTES_MAX: usize = 2_000_000;

/// Largest response, in bytes (`MAX_CANISTER_HTTP_RESPONSE_BYTES`).
pub const OUTCALL_RESPONSE_BYTES_MAX: u64 = 2_000_000;

/// Bytes that encoding may add to a response (`CANDID_OVERHEAD_RESERVE_BYTES`).
pub const OUTCALL_RESPONSE_OVERHEAD_BYTES: u64 = 1_024;

/// Largest reject message of a node, in bytes (`MAXIMUM_CANISTER_HTTP_ERROR_MESSAGE_BYTES`).
pub const OUTCALL_REJECT_MESSAGE_BYTES_MAX: usize = 1_024;

/// Largest reject of a node, in bytes: the message and the code (`MAX_CANISTER_HTTP_REJECT_BYTES`).
pub const OUTCALL_REJECT_BYTES_MAX: u64 = OUTCALL_REJECT_MESSAGE_BYTES_MAX as u64 + 1;

/// Longest URL, in bytes (`MAX_CANISTER_HTTP_URL_SIZE`).
pub const OUTCALL_URL_BYTES_MAX: usize = 8_192;

/// Most headers of a request or a response (`MAX_CANISTER_HTTP_HEADER_NUM`).
pub const OUTCALL_HEADERS_MAX: usize = 64;

/// Largest name and largest value of a header, in bytes (`MAX_CANISTER_HTTP_HEADER_NAME_VALUE_LENGTH`).
pub const OUTCALL_HEADER_BYTES_MAX: usize = 8 * KIB as usize;

/// Largest sum of the names and values of all headers, in bytes (`MAX_CANISTER_HTTP_HEADER_TOTAL_SIZE`).
pub const OUTCALL_HEADERS_BYTES_MAX: usize = 48 * KIB as usize;

/// Most outcalls of a subnet that wait for a result (`config/src/execution_environment.rs`,
/// `MAX_CANISTER_HTTP_REQUESTS_IN_FLIGHT`).
pub const OUTCALLS_MAX: usize = 3_000;

/// Timeout in seconds, with two uses. An outcall without a result is rejected after this time
/// (`CANISTER_HTTP_TIMEOUT_INTERVAL`). After this time, the allowances of nodes that did not report
/// their spending are refunded (`DELIVERED_CANISTER_HTTP_REQUEST_CONTEXT_TIMEOUT`).
pub const OUTCALL_TIMEOUT_SECONDS: u64 = 60;

/// Longest time for connecting to a server, in seconds (`https_outcalls/adapter/src/config.rs`,
/// `DEFAULT_HTTP_CONNECT_TIMEOUT_SECS`).
pub const OUTCALL_CONNECT_TIMEOUT_SECONDS: u64 = 2;

/// Longest time for an HTTP request and its response, in seconds (`https_outcalls/adapter/src/config.rs`,
/// `DEFAULT_HTTP_REQUEST_TIMEOUT_SECS`).
pub const OUTCALL_REQUEST_TIMEOUT_SECONDS: u64 = 30;

/// Most results of outcalls in one block (`CANISTER_HTTP_MAX_RESPONSES_PER_BLOCK`).
pub const OUTCALL_RESULTS_PER_BLOCK_MAX: usize = 500;

/// Most bytes of results of outcalls in one block (`MAX_CANISTER_HTTP_PAYLOAD_SIZE`).
pub const OUTCALL_BYTES_PER_BLOCK_MAX: u64 = 2 * MIB;

/// Decoding quota for the parameters of `ic0.cost_http_request_v2`, in units of the `candid` crate: ten
/// times the cost of valid parameters. A bound of this project.
pub const OUTCALL_DECODING_QUOTA: usize = 10_000;

/// Skipping quota for these parameters, in units of the `candid` crate: valid parameters skip one
/// reserved value. A bound of this project.
pub const OUTCALL_SKIPPING_QUOTA: usize = 10;
