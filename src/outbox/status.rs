//! What an outbox tells about its entries.

use crate::{Outcome, ReasonKind, Reply, Summary};

/// The outcome of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxResult {
    /// The number of the entry, as [`Outbox::enqueue`](super::Outbox::enqueue) has returned it.
    pub number: u64,
    /// The outcome of its call, all attempts included. Of the text of a reason, at most
    /// [`VERDICT_TEXT_BYTES_MAX`](crate::limits::VERDICT_TEXT_BYTES_MAX) bytes are kept.
    pub outcome: Outcome<Reply>,
    /// Attempts that were sent, without those that a [trap](super#traps) of another entry cut off.
    pub attempts: u32,
    /// Why the outcome of an attempt before the last one is unknown. `None`: the outcomes of all earlier attempts are
    /// known.
    ///
    /// If this is `Some`, then a reply comes from the last attempt, and says nothing about the earlier one. An error
    /// in a reply does not prove that the callee did nothing: a ledger that replies `TooOld` may have made the
    /// transfer in the earlier attempt. With a [verdict](super::Outbox::judged_by), such an error makes the outcome
    /// [unknown](Outcome::Unknown). Without a verdict, the outcome is [`Outcome::Done`], and only this field says it.
    pub earlier_unknown: Option<ReasonKind>,
}

/// The progress of an [`Outbox`](super::Outbox).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxStatus {
    /// All entries that were ever appended. The next entry gets this number.
    pub entries: u64,
    /// Entries whose call is to be made, for the first time or again.
    pub waiting: u64,
    /// Entries whose call is open. After an upgrade, also entries whose calls the upgrade has interrupted, until the
    /// outbox has read them again: it reads 1,000 entries and results per second, from the first result that is kept.
    pub open: u64,
    /// The outcomes of all other entries: how many are done, not done and unknown.
    pub summary: Summary,
    /// Results that are kept. They can be taken up to the first entry without an outcome.
    pub results: u64,
    /// Whether the outbox is [paused](super::Outbox::pause).
    pub paused: bool,
    /// What waiting entries wait for, if the system refused a call: cycles, or a free slot.
    pub waiting_for: Option<ReasonKind>,
    /// Bytes of stable memory that entries and results occupy.
    pub bytes: u64,
}
