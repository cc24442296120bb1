//! The outcome of a call, and the summary of many outcomes.

use std::fmt;

use crate::limits::VERDICT_TEXT_BYTES_MAX;
use crate::{Reason, ReasonKind};

/// The outcome of one call.
///
/// | outcome | what the callee did | safe to call again? |
/// |---|---|---|
/// | [`Done`](Self::Done) | it replied | no, the work is done |
/// | [`ReplyDropped`](Self::ReplyDropped) | it replied, with more bytes than may be kept | no, the work is done |
/// | [`NotDone`](Self::NotDone) | nothing | yes |
/// | [`Unknown`](Self::Unknown) | perhaps all, perhaps a part, perhaps nothing | only if the call is [idempotent](crate::Request::idempotent) |
///
/// For a call without a reply, the rule that separates `NotDone` from `Unknown` is that of `ic-cdk`
/// (`CallErrorExt::is_clean_reject`). A call is not done if it was never sent, or if the system rejected it before the
/// callee executed anything. For a call with a reply, the [`Verdict`] on the reply decides. Without a verdict, every
/// reply counts as done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the outcome says whether the callee did its work"]
pub enum Outcome<T> {
    /// The callee replied, with this reply.
    Done(T),
    /// The callee replied, and its reply was dropped, because the replies that are kept may have only so many bytes
    /// ([`ReplyLimit`](crate::ReplyLimit)).
    ReplyDropped {
        /// Length of the reply in bytes.
        bytes: usize,
        /// Cycles that came back, as in [`Reply::refunded`].
        refunded: u128,
    },
    /// The callee did nothing. The failure says why.
    NotDone(Failure),
    /// The callee may have done all or a part of its work. The failure says why this is unknown.
    Unknown(Failure),
}

/// The reply of a callee.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The bytes of the reply. Most canisters encode them with Candid.
    pub bytes: Vec<u8>,
    /// Cycles that came back out of the [attached](crate::Request::cycles) ones, in all attempts of this call together.
    pub refunded: u128,
}

/// A call that is not done, or whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why the call failed.
    pub reason: Reason,
    /// Cycles that came back out of the [attached](crate::Request::cycles) ones, in all attempts of this call together.
    /// An attempt that was never sent has no refund: its cycles never left. After a bounded wait that ended without a
    /// response, the refund is 0, because the system does not say when it credits the cycles.
    pub refunded: u128,
}

/// What the reply of a callee means.
///
/// Many canisters put errors into their replies, for instance ledgers (`variant { Ok; Err }`). To the system, such a
/// call is done. A [request](crate::Request::judged_by) with a function from a reply to a verdict makes the library
/// count, report and repeat its call by the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The callee did its work, now or earlier. A ledger that replies `Duplicate` made the transfer earlier.
    Done,
    /// The callee certainly did nothing, and another attempt will not help. The outcome is
    /// [`NotDone`](Outcome::NotDone), for the reason [`Reason::Declined`]. The text explains the reply.
    NotDone(String),
    /// The callee certainly did nothing, and another attempt may help. The outcome is [`NotDone`](Outcome::NotDone),
    /// for the reason [`Reason::Unavailable`]. A [`Retry`](crate::Retry) repeats the call.
    TryAgain(String),
    /// The reply leaves open what the callee did. The outcome is [`Unknown`](Outcome::Unknown), for the reason
    /// [`Reason::Unclear`]. A [`Retry`](crate::Retry) repeats the call if it is
    /// [idempotent](crate::Request::idempotent).
    Unknown(String),
}

impl<T> Outcome<T> {
    /// The reply, if the callee replied and the reply was kept.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(reply) => Some(reply),
            Self::ReplyDropped { .. } | Self::NotDone(_) | Self::Unknown(_) => None,
        }
    }

    /// Whether the callee did its work.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_) | Self::ReplyDropped { .. })
    }

    /// The reason why the call is not done. `None` if it is done.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Done(_) | Self::ReplyDropped { .. } => None,
            Self::NotDone(failure) | Self::Unknown(failure) => Some(&failure.reason),
        }
    }

    /// The outcome of a call that failed: [`NotDone`](Self::NotDone) if the reason is [clean](ReasonKind::is_clean),
    /// otherwise [`Unknown`](Self::Unknown). Takes a [`Failure`] or a [`Reason`].
    pub fn failed(failure: impl Into<Failure>) -> Self {
        let failure = failure.into();
        if failure.reason.kind().is_clean() {
            Self::NotDone(failure)
        } else {
            Self::Unknown(failure)
        }
    }
}

/// Cuts a text off at [`VERDICT_TEXT_BYTES_MAX`].
fn bounded(mut text: String) -> String {
    if text.len() > VERDICT_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(VERDICT_TEXT_BYTES_MAX));
        text.shrink_to_fit();
    }
    text
}

impl Outcome<Reply> {
    /// The outcome of a call whose callee replied, by the verdict on the reply. Of the text of a verdict, the first
    /// [`VERDICT_TEXT_BYTES_MAX`] bytes are kept.
    pub fn judged(reply: Reply, verdict: Verdict) -> Self {
        let reason = match verdict {
            Verdict::Done => return Self::Done(reply),
            Verdict::NotDone(text) => Reason::Declined(bounded(text)),
            Verdict::TryAgain(text) => Reason::Unavailable(bounded(text)),
            Verdict::Unknown(text) => Reason::Unclear(bounded(text)),
        };
        Self::failed(Failure { reason, refunded: reply.refunded })
    }

    /// Cycles that came back, as in [`Reply::refunded`] and [`Failure::refunded`].
    ///
    /// Do not ask the system (`msg_cycles_refunded`) when the library reports an outcome. That traps for a call that
    /// was never sent, because no response is being executed then.
    pub fn refunded(&self) -> u128 {
        match self {
            Self::Done(reply) => reply.refunded,
            Self::ReplyDropped { refunded, .. } => *refunded,
            Self::NotDone(failure) | Self::Unknown(failure) => failure.refunded,
        }
    }

    pub(crate) fn add_refund(&mut self, cycles: u128) {
        match self {
            Self::Done(Reply { refunded, .. })
            | Self::ReplyDropped { refunded, .. }
            | Self::NotDone(Failure { refunded, .. })
            | Self::Unknown(Failure { refunded, .. }) => *refunded += cycles,
        }
    }

    /// Decodes the reply, and leaves the other outcomes as they are.
    ///
    /// If `decode` fails, the outcome is [`Outcome::Unknown`] with [`Reason::Undecodable`]: the callee did something,
    /// but its reply does not say what. A reply that says that the callee did nothing is a matter for a [`Verdict`].
    pub fn decode<U>(self, decode: impl FnOnce(Vec<u8>) -> Result<U, String>) -> Outcome<U> {
        match self {
            Self::Done(Reply { bytes, refunded }) => match decode(bytes) {
                Ok(value) => Outcome::Done(value),
                Err(error) => {
                    Outcome::failed(Failure { reason: Reason::Undecodable(error), refunded })
                }
            },
            Self::ReplyDropped { bytes, refunded } => Outcome::ReplyDropped { bytes, refunded },
            Self::NotDone(failure) => Outcome::NotDone(failure),
            Self::Unknown(failure) => Outcome::Unknown(failure),
        }
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, refunded: 0 }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, refunded: 0 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

/// The outcomes of many calls, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Calls that are done: [with a reply](Outcome::Done), or with one that was [dropped](Outcome::ReplyDropped).
    pub succeeded: u64,
    /// The largest number of calls that were open at the same time.
    pub max_in_flight: u32,
    /// Attempts that the system refused because slots or cycles were missing. The call may have been sent later. A
    /// [`Job`](crate::Job) does not count these attempts.
    pub refused: u64,
    pub(crate) failed: [u64; ReasonKind::ALL.len()],
}

impl Summary {
    /// The summary of these outcomes.
    ///
    /// ```
    /// use parallel_calls::{Outcome, Reason, Summary};
    ///
    /// let outcomes = [Outcome::Done(1), Outcome::failed(Reason::QueueFull), Outcome::Done(3)];
    /// assert_eq!(Summary::of(&outcomes).succeeded, 2);
    /// ```
    pub fn of<'o, T: 'o>(outcomes: impl IntoIterator<Item = &'o Outcome<T>>) -> Self {
        let mut summary = Self::default();
        outcomes.into_iter().for_each(|outcome| summary.count(outcome));
        summary
    }

    /// Counts one more outcome.
    pub fn count<T>(&mut self, outcome: &Outcome<T>) {
        match outcome.reason() {
            None => self.succeeded += 1,
            Some(reason) => self.add(reason.kind(), 1),
        }
    }

    /// Counts `calls` more calls that failed for a reason of this kind.
    pub fn add(&mut self, kind: ReasonKind, calls: u64) {
        self.failed[kind as usize] += calls;
    }

    /// Records that `open` calls are open now.
    pub fn record_in_flight(&mut self, open: u32) {
        self.max_in_flight = self.max_in_flight.max(open);
    }

    /// All calls counted so far.
    pub fn attempted(&self) -> u64 {
        self.succeeded + self.failed.iter().sum::<u64>()
    }

    /// Calls that failed for a reason of this kind.
    pub fn failed(&self, kind: ReasonKind) -> u64 {
        self.failed[kind as usize]
    }

    /// The kinds of reasons for which calls failed, and the number of calls for each.
    pub fn failures(&self) -> impl Iterator<Item = (ReasonKind, u64)> {
        ReasonKind::ALL.iter().copied().zip(self.failed).filter(|&(_, calls)| calls > 0)
    }

    /// Calls that are [not done](Outcome::NotDone).
    pub fn not_done(&self) -> u64 {
        self.failures().filter(|(kind, _)| kind.is_clean()).map(|(_, calls)| calls).sum()
    }

    /// Calls whose outcome is [unknown](Outcome::Unknown).
    pub fn unknown(&self) -> u64 {
        self.failures().filter(|(kind, _)| !kind.is_clean()).map(|(_, calls)| calls).sum()
    }
}
