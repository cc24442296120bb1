//! Why entries cannot be appended.

use std::fmt;

/// Why entries cannot be appended to an [`Outbox`](super::Outbox).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboxError {
    /// The outbox is full.
    Full {
        /// Bytes that the new entries need.
        bytes: u64,
        /// Bytes that entries and results occupy.
        kept: u64,
        /// Bytes that they may occupy ([`Outbox::bounded`](super::Outbox::bounded)).
        max: u64,
    },
    /// Stable memory cannot grow.
    StableMemory {
        /// Bytes that the new entries need.
        bytes: u64,
    },
    /// A request says what its reply means, and the outbox would forget it.
    UnknownVerdict {
        /// The method of the request.
        method: String,
    },
}

impl fmt::Display for OutboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { bytes, kept, max } => write!(
                f,
                "the outbox is full: {bytes} bytes are needed, and {kept} of {max} are occupied; take results"
            ),
            Self::StableMemory { bytes } => {
                write!(f, "stable memory cannot grow by the {bytes} bytes that are needed")
            }
            Self::UnknownVerdict { method } => write!(
                f,
                "an upgrade would forget the verdict on replies of `{method}`: name it with `Outbox::judged_by`"
            ),
        }
    }
}

impl std::error::Error for OutboxError {}
