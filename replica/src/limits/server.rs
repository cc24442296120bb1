//! What PocketIC has beside the network, and bounds of the server here.

use super::memory::{GIB, MIB};

/// Subnets the mainnet is taken to have at most: canister ids beyond theirs are none of the
/// mainnet's (`pocket_ic_server/src/pocket_ic.rs`, `MAXIMUM_NUMBER_OF_SUBNETS_ON_MAINNET`).
pub const MAINNET_SUBNETS_MAX: u64 = 1_024;

/// Rounds after which awaiting an ingress message gives up (`pocket_ic_server/src/pocket_ic.rs`).
pub const AWAIT_INGRESS_ROUNDS_MAX: usize = 100;

/// Nanoseconds by which a round moves time on when nobody else did
/// (`state_machine_tests/src/lib.rs`, `EXECUTE_ROUND_TIME_INCREMENT`).
pub const ROUND_TIME_INCREMENT_NANOS: u64 = 1;

/// Nanoseconds from one heartbeat to the next on a network that progresses by itself and has
/// nothing else to do. A number of ours: about as often as the mainnet has blocks.
pub const HEARTBEAT_INTERVAL_NANOS: u64 = 1_000_000_000;

/// Bytes of a request's body: the largest ingress message in base64, and the rest of the request.
pub const REQUEST_BODY_BYTES_MAX: usize = 8 * MIB as usize;

/// Bytes of the body of a query: the largest argument that any call has ([`REQUEST_BYTES_MAX`]) in
/// base64, and the rest of the request. A bound of ours, as the next.
///
/// [`REQUEST_BYTES_MAX`]: super::REQUEST_BYTES_MAX
pub const QUERY_BODY_BYTES_MAX: usize = 16 * MIB as usize;

/// Bytes of a body that says what nodes got from an outcall: from each of the forty nodes of the
/// largest subnet the largest response ([`OUTCALL_RESPONSE_BYTES_MAX`]) in base64, with headers.
///
/// [`OUTCALL_RESPONSE_BYTES_MAX`]: super::OUTCALL_RESPONSE_BYTES_MAX
pub const OUTCALL_BODY_BYTES_MAX: usize = 40 * 3 * MIB as usize;

/// Bytes of a blob that is uploaded or read as a whole, and of all blobs that are kept at a time. A
/// bound of ours, so that nobody uses up the machine's memory by accident.
pub const BLOB_BYTES_MAX: usize = GIB as usize;

/// Subnets that an instance may be made with. A bound of ours, for the same reason; the mainnet has a
/// few dozen.
pub const INSTANCE_SUBNETS_MAX: usize = 256;

/// Bytes of a snapshot that one call carries on its way to or from a directory
/// (`pocket_ic_server/src/pocket_ic.rs`, `MAX_CHUNK_SIZE`).
pub const SNAPSHOT_FILE_CHUNK_BYTES: usize = 2_000_000;

/// Cycles that an account of the stand-in for the cycles ledger starts with: a million trillion. A
/// number of ours, as all that follow are which name no source.
pub const STANDIN_CYCLES: u128 = 1_000_000_000_000_000_000;

/// Cycles that a transaction on it costs (`cycles-ledger/src/config.rs`, `FEE`).
pub const STANDIN_CYCLES_FEE: u128 = 100_000_000;

/// Hundred-millionths of an ICP that an account of the stand-in for the ICP ledger starts with: ten
/// million ICP.
pub const STANDIN_E8S: u128 = 1_000_000_000_000_000;

/// Hundred-millionths of an ICP that a transaction on it costs (`ledger-suite/icp`,
/// `DEFAULT_TRANSFER_FEE`).
pub const STANDIN_E8S_FEE: u128 = 10_000;

/// Seconds for which a ledger knows a transaction again (ICRC-1, "Transaction deduplication").
pub const STANDIN_TRANSACTION_WINDOW_SECONDS: u64 = 24 * 60 * 60;

/// Seconds by which a ledger's clock and its users' may differ (the same).
pub const STANDIN_PERMITTED_DRIFT_SECONDS: u64 = 2 * 60;
