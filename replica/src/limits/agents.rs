//! What agents may ask for.

use crate::types::NANOS_PER_SECOND;

/// Nanoseconds by which a request may expire later than an ingress message lives, since clocks differ
/// (`limits/src/lib.rs`, `PERMITTED_DRIFT_AT_VALIDATOR`).
pub const INGRESS_EXPIRY_DRIFT_NANOS: u64 = 30 * NANOS_PER_SECOND;

/// Bytes of the nonce of a request (interface specification, "Request: Call").
pub const NONCE_BYTES_MAX: usize = 32;

/// Delegations in the chain from a sender's key to the one that signs (interface specification,
/// "Authentication").
pub const DELEGATIONS_MAX: usize = 20;

/// Canisters one delegation may be restricted to (same section).
pub const DELEGATION_TARGETS_MAX: usize = 1_000;

/// Paths of the state tree in one request to read it (interface specification, "Request: Read state").
pub const READ_STATE_PATHS_MAX: usize = 1_000;

/// Labels in one such path (same section).
pub const READ_STATE_LABELS_MAX: usize = 127;

/// Nanoseconds of the network's time for which a subnet's state is not certified again when nothing
/// but the time has changed. A bound of ours: far below what agents take for outdated, three minutes.
pub const CERTIFIED_STATE_AGE_MAX_NANOS: u64 = NANOS_PER_SECOND;

/// Nanoseconds of the network's time after which the root subnet certifies another one's key again. A
/// bound of ours, so that who looks at the time of a delegation finds it recent.
pub const DELEGATION_AGE_MAX_NANOS: u64 = 5 * 60 * NANOS_PER_SECOND;
