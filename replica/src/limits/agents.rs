//! Limits of requests from agents.

use crate::types::NANOS_PER_SECOND;

/// Tolerance for the expiry of a request beyond `INGRESS_LIFETIME_SECONDS_MAX`, in nanoseconds, because
/// clocks differ (`limits/src/lib.rs`, `PERMITTED_DRIFT_AT_VALIDATOR`).
pub const INGRESS_EXPIRY_DRIFT_NANOS: u64 = 30 * NANOS_PER_SECOND;

/// Largest nonce of a request, in bytes (interface specification, "Request: Call").
pub const NONCE_BYTES_MAX: usize = 32;

/// Most delegations in the chain from the key of the sender to the key that signs the request
/// (interface specification, "Authentication").
pub const DELEGATIONS_MAX: usize = 20;

/// Most target canisters of one delegation (same section).
pub const DELEGATION_TARGETS_MAX: usize = 1_000;

/// Most paths in one `read_state` request (interface specification, "Request: Read state").
pub const READ_STATE_PATHS_MAX: usize = 1_000;

/// Most labels in one path of a `read_state` request (same section).
pub const READ_STATE_LABELS_MAX: usize = 127;

/// Longest time, in nanoseconds of the network's time, for which a certificate is used again if only
/// the time of the subnet has changed. A bound of this project, far below the three minutes after which
/// agents regard a certificate as outdated.
pub const CERTIFIED_STATE_AGE_MAX_NANOS: u64 = NANOS_PER_SECOND;

/// Longest time, in nanoseconds of the network's time, for which a delegation of the root subnet to
/// another subnet is used again. A bound of this project, so that the time in a delegation is recent.
pub const DELEGATION_AGE_MAX_NANOS: u64 = 5 * 60 * NANOS_PER_SECOND;
