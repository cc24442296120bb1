//! Limits of PocketIC that the network does not have, and bounds of this server.

use super::memory::{GIB, MIB};

/// Most subnets that PocketIC assumes for the mainnet. It decides which canister ids belong to the
/// mainnet (`pocket_ic_server/src/pocket_ic.rs`, `MAXIMUM_NUMBER_OF_SUBNETS_ON_MAINNET`).
pub const MAINNET_SUBNETS_MAX: u64 = 1_024;

/// Most rounds that awaiting an ingress message executes (`pocket_ic_server/src/pocket_ic.rs`).
pub const AWAIT_INGRESS_ROUNDS_MAX: usize = 100;

/// Nanoseconds by which a round advances the time, if the time was not advanced otherwise
/// (`state_machine_tests/src/lib.rs`, `EXECUTE_ROUND_TIME_INCREMENT`).
pub const ROUND_TIME_INCREMENT_NANOS: u64 = 1;

/// Time between two heartbeats, in nanoseconds, on an instance with auto-progress that has nothing else
/// to do. A bound of this project: about the block time of the mainnet.
pub const HEARTBEAT_INTERVAL_NANOS: u64 = 1_000_000_000;

/// Largest body of an HTTP request, in bytes: the largest ingress message in base64, and the rest of the
/// request. A bound of this project.
pub const REQUEST_BODY_BYTES_MAX: usize = 8 * MIB as usize;

/// Largest body of an HTTP request with a query, in bytes: the largest argument of any call
/// ([`REQUEST_BYTES_MAX`]) in base64, and the rest of the request. A bound of this project.
///
/// [`REQUEST_BYTES_MAX`]: super::REQUEST_BYTES_MAX
pub const QUERY_BODY_BYTES_MAX: usize = 16 * MIB as usize;

/// Largest body of an HTTP request that mocks the result of an outcall, in bytes: the largest response
/// ([`OUTCALL_RESPONSE_BYTES_MAX`]) in base64 with headers, for each of the forty nodes of the largest
/// subnet. A bound of this project.
///
/// [`OUTCALL_RESPONSE_BYTES_MAX`]: super::OUTCALL_RESPONSE_BYTES_MAX
pub const OUTCALL_BODY_BYTES_MAX: usize = 40 * 3 * MIB as usize;

/// Largest blob, and largest sum of all blobs in the store, in bytes. A bound of this project that
/// protects the memory of the machine.
pub const BLOB_BYTES_MAX: usize = GIB as usize;

/// Most subnets that an instance can be created with. A bound of this project that protects the memory
/// of the machine; the mainnet has a few dozen subnets.
pub const INSTANCE_SUBNETS_MAX: usize = 256;

/// Largest part of a snapshot, in bytes, that one call transfers to or from a directory
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
