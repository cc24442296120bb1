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

/// Bytes of a blob that is uploaded or read as a whole, and of all blobs that are kept at a time. A
/// bound of ours, so that nobody uses up the machine's memory by accident.
pub const BLOB_BYTES_MAX: usize = GIB as usize;

/// Bytes of a snapshot that one call carries on its way to or from a directory
/// (`pocket_ic_server/src/pocket_ic.rs`, `MAX_CHUNK_SIZE`).
pub const SNAPSHOT_FILE_CHUNK_BYTES: usize = 2_000_000;
