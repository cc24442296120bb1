//! The outcome of a call, and the summary of many outcomes.

use std::fmt;

/// The outcome of one call.
///
/// | outcome | what the callee did | safe to call again? |
/// |---|---|---|
/// | [`Done`](Self::Done) | it replied | no, the work is done |
/// | [`NotDone`](Self::NotDone) | nothing | yes |
/// | [`Unknown`](Self::Unknown) | perhaps all, perhaps a part, perhaps nothing | only if the call is [idempotent](crate::Request::idempotent) |
///
/// The rule that separates `NotDone` from `Unknown` is that of `ic-cdk` (`CallErrorExt::is_clean_reject`). A call is
/// not done if it was never sent, or if the system rejected it before the callee executed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The callee replied, with this reply.
    Done(T),
    /// The callee did nothing. The reason says why.
    NotDone(Reason),
    /// The callee may have done all or a part of its work. The reason says why this is unknown.
    Unknown(Reason),
}

impl<T> Outcome<T> {
    /// The reply, if the callee replied.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(reply) => Some(reply),
            Self::NotDone(_) | Self::Unknown(_) => None,
        }
    }

    /// Whether the callee replied.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// The reason why there is no reply. `None` if there is one.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Done(_) => None,
            Self::NotDone(reason) | Self::Unknown(reason) => Some(reason),
        }
    }

    /// Decodes the reply, and leaves the other outcomes as they are.
    ///
    /// If `decode` fails, the outcome is [`Outcome::Unknown`] with [`Reason::Undecodable`]: the callee did something,
    /// but its reply does not say what.
    pub fn decode<U>(self, decode: impl FnOnce(T) -> Result<U, String>) -> Outcome<U> {
        match self {
            Self::Done(reply) => match decode(reply) {
                Ok(value) => Outcome::Done(value),
                Err(error) => Outcome::failed(Reason::Undecodable(error)),
            },
            Self::NotDone(reason) => Outcome::NotDone(reason),
            Self::Unknown(reason) => Outcome::Unknown(reason),
        }
    }

    /// The outcome of a call that failed for `reason`: [`NotDone`](Self::NotDone) if the reason is
    /// [clean](ReasonKind::is_clean), otherwise [`Unknown`](Self::Unknown).
    pub fn failed(reason: Reason) -> Self {
        if reason.kind().is_clean() { Self::NotDone(reason) } else { Self::Unknown(reason) }
    }
}

/// Why a call has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not sent: no slot was free. Nearly always, the canister already has 500 open calls to this callee
    /// ([`QUEUE_SLOTS`](crate::limits::QUEUE_SLOTS)). In rare cases, the whole subnet has no callbacks left, or no
    /// memory for responses: the system does not say which limit was reached.
    QueueFull,
    /// Not sent: the canister has too few liquid cycles.
    Cycles {
        /// Cycles that the call needs while it is open. Most of them come back with the response.
        required: u128,
        /// Liquid cycles of the canister.
        available: u128,
    },
    /// Not sent: the calling canister is being stopped.
    Stopping,
    /// Not sent: somebody cancelled the call.
    Cancelled,
    /// The system or the callee rejected the call.
    Rejected {
        /// The reject code. The module [`reject_code`] names the codes.
        code: u32,
        /// The reject message.
        message: String,
    },
    /// The wait ended before a response came, or the response was lost (reject code 6, `SYS_UNKNOWN`). Holds the reject
    /// message.
    Deadline(String),
    /// The callee replied, but the reply could not be decoded. Holds the error of the decoder.
    Undecodable(String),
    /// The response was lost, because the calling canister was upgraded while the call was open. A [`Job`](crate::Job)
    /// also counts a call as interrupted if its last attempt was not done, and the outcome of an earlier attempt is
    /// unknown.
    Interrupted,
}

/// Reject codes of the [interface specification](https://docs.internetcomputer.org/references/ic-interface-spec/).
pub mod reject_code {
    /// Fatal system error: trying again does not help.
    pub const SYS_FATAL: u32 = 1;
    /// Transient system error: trying again may help.
    pub const SYS_TRANSIENT: u32 = 2;
    /// The destination is invalid, for instance because the canister does not exist.
    pub const DESTINATION_INVALID: u32 = 3;
    /// The callee rejected the call explicitly.
    pub const CANISTER_REJECT: u32 = 4;
    /// The callee failed, for instance because it trapped or has no such method.
    pub const CANISTER_ERROR: u32 = 5;
    /// The response is unknown: the wait ended, or the system dropped the response.
    pub const SYS_UNKNOWN: u32 = 6;
}

impl Reason {
    /// The reason for a reject with this code and message.
    pub fn rejected(code: u32, message: String) -> Self {
        if code == reject_code::SYS_UNKNOWN {
            Self::Deadline(message)
        } else {
            Self::Rejected { code, message }
        }
    }

    /// The kind of this reason, without its details.
    pub fn kind(&self) -> ReasonKind {
        match self {
            Self::QueueFull => ReasonKind::QueueFull,
            Self::Cycles { .. } => ReasonKind::Cycles,
            Self::Stopping => ReasonKind::Stopping,
            Self::Cancelled => ReasonKind::Cancelled,
            Self::Deadline(_) => ReasonKind::Deadline,
            Self::Undecodable(_) => ReasonKind::Undecodable,
            Self::Interrupted => ReasonKind::Interrupted,
            Self::Rejected { code, .. } => match *code {
                reject_code::SYS_FATAL => ReasonKind::SysFatal,
                reject_code::SYS_TRANSIENT => ReasonKind::SysTransient,
                reject_code::DESTINATION_INVALID => ReasonKind::DestinationInvalid,
                reject_code::CANISTER_REJECT => ReasonKind::CanisterReject,
                // The meaning of a new code is not known here, so the call counts as unknown, like an error of the
                // callee.
                _ => ReasonKind::CanisterError,
            },
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycles { required, available } => {
                write!(
                    f,
                    "not sent: the call needs {required} cycles, and {available} are available"
                )
            }
            Self::Rejected { message, .. } => f.write_str(message),
            Self::Undecodable(error) => write!(f, "the reply cannot be decoded: {error}"),
            Self::QueueFull => f.write_str("not sent: no slot is free"),
            Self::Stopping => f.write_str("not sent: the canister is stopping"),
            Self::Cancelled => f.write_str("not sent: the call was cancelled"),
            Self::Deadline(message) => write!(f, "no response in time: {message}"),
            Self::Interrupted => f.write_str("the canister was upgraded while the call was open"),
        }
    }
}

/// The kind of a [`Reason`]: what a [`Summary`] counts.
///
/// The numbers are written to stable memory by [`Job::to_bytes`](crate::Job::to_bytes), so they never change, and a new
/// kind gets the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ReasonKind {
    /// [`Reason::QueueFull`]
    QueueFull = 0,
    /// [`Reason::Cycles`]
    Cycles = 1,
    /// [`Reason::Stopping`]
    Stopping = 2,
    /// [`Reason::Cancelled`]
    Cancelled = 3,
    /// [`Reason::Rejected`] with [`reject_code::SYS_FATAL`]
    SysFatal = 4,
    /// [`Reason::Rejected`] with [`reject_code::SYS_TRANSIENT`]
    SysTransient = 5,
    /// [`Reason::Rejected`] with [`reject_code::DESTINATION_INVALID`]
    DestinationInvalid = 6,
    /// [`Reason::Rejected`] with [`reject_code::CANISTER_REJECT`]
    CanisterReject = 7,
    /// [`Reason::Rejected`] with [`reject_code::CANISTER_ERROR`] or a code that this crate does not know
    CanisterError = 8,
    /// [`Reason::Deadline`]
    Deadline = 9,
    /// [`Reason::Undecodable`]
    Undecodable = 10,
    /// [`Reason::Interrupted`]
    Interrupted = 11,
}

impl ReasonKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::QueueFull,
        Self::Cycles,
        Self::Stopping,
        Self::Cancelled,
        Self::SysFatal,
        Self::SysTransient,
        Self::DestinationInvalid,
        Self::CanisterReject,
        Self::CanisterError,
        Self::Deadline,
        Self::Undecodable,
        Self::Interrupted,
    ];

    /// Whether the callee did nothing: the outcome is then [`Outcome::NotDone`], otherwise [`Outcome::Unknown`].
    pub fn is_clean(self) -> bool {
        match self {
            Self::QueueFull
            | Self::Cycles
            | Self::Stopping
            | Self::Cancelled
            | Self::SysFatal
            | Self::SysTransient
            | Self::DestinationInvalid => true,
            Self::CanisterReject
            | Self::CanisterError
            | Self::Deadline
            | Self::Undecodable
            | Self::Interrupted => false,
        }
    }

    /// Whether the call was not sent.
    pub fn is_unsent(self) -> bool {
        matches!(self, Self::QueueFull | Self::Cycles | Self::Stopping | Self::Cancelled)
    }

    /// Whether the same call may have another outcome a little later. An explicit reject by the callee is final:
    /// the callee has decided.
    pub fn is_transient(self) -> bool {
        match self {
            Self::QueueFull
            | Self::Cycles
            | Self::SysTransient
            | Self::CanisterError
            | Self::Deadline
            | Self::Interrupted => true,
            Self::Stopping
            | Self::Cancelled
            | Self::SysFatal
            | Self::DestinationInvalid
            | Self::CanisterReject
            | Self::Undecodable => false,
        }
    }

    /// The name of this kind in snake case, for reports and interfaces.
    pub fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Cycles => "cycles",
            Self::Stopping => "stopping",
            Self::Cancelled => "cancelled",
            Self::SysFatal => "sys_fatal",
            Self::SysTransient => "sys_transient",
            Self::DestinationInvalid => "destination_invalid",
            Self::CanisterReject => "canister_reject",
            Self::CanisterError => "canister_error",
            Self::Deadline => "deadline",
            Self::Undecodable => "undecodable",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The outcomes of many calls, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Calls that are [done](Outcome::Done).
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
    /// let outcomes = [Outcome::Done(1), Outcome::NotDone(Reason::QueueFull), Outcome::Done(3)];
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
        ReasonKind::ALL.into_iter().zip(self.failed).filter(|&(_, calls)| calls > 0)
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
