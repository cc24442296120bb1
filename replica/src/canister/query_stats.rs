//! Statistics of queries.

use serde::{Deserialize, Serialize};

/// The statistics of a canister's queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryStats {
    /// The number of queries.
    pub calls: u128,
    /// Instructions that the queries used.
    pub instructions: u128,
    /// Bytes of the arguments.
    pub request_bytes: u128,
    /// Bytes of the replies.
    pub response_bytes: u128,
}
