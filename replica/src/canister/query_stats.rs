//! Statistics of queries.

/// What a canister did for queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Queries that were begun.
    pub calls: u128,
    /// Instructions they took.
    pub instructions: u128,
    /// Bytes of their arguments.
    pub request_bytes: u128,
    /// Bytes of the replies.
    pub response_bytes: u128,
}
