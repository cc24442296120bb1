//! Why a call failed.

use std::fmt;

/// Why a call failed.
///
/// The reason decides whether the callee did nothing ([`ReasonKind::is_clean`]), and whether another attempt may help
/// ([`ReasonKind::is_transient`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Not sent: no slot was free. Nearly always, the canister already has 500 open calls to this callee
    /// ([`QUEUE_SLOTS`](crate::limits::QUEUE_SLOTS)). In rare cases, the whole subnet has no callbacks left, or no
    /// memory for responses: the system does not say which limit was reached.
    QueueFull,
    /// Not sent: the canister has too few liquid cycles.
    ///
    /// In a box, because this makes all reasons a third as large. A message can have the outcomes of 100,000 calls.
    Cycles(Box<Shortage>),
    /// Not sent: the calling canister is being stopped.
    Stopping,
    /// Not sent: somebody cancelled the call.
    Cancelled,
    /// Not sent: the time of the whole fan-out was over ([`FanOut::within`](crate::FanOut::within)).
    Expired,
    /// Not sent: the call was to wait before another attempt, and the clock of the network stands still. A test that
    /// executes rounds without advancing the time causes this.
    ClockStopped,
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
    /// The callee replied that it did nothing, and that another attempt will not help. Holds the explanation of
    /// [`Verdict::NotDone`](crate::Verdict::NotDone).
    Declined(String),
    /// The callee replied that it did nothing, and another attempt may help. Holds the explanation of
    /// [`Verdict::TryAgain`](crate::Verdict::TryAgain).
    Unavailable(String),
    /// The callee replied, and its reply leaves open what it did. Holds the explanation of
    /// [`Verdict::Unknown`](crate::Verdict::Unknown).
    Unclear(String),
    /// The response was lost, because the calling canister was upgraded while the call was open. A [`Job`](crate::Job)
    /// also counts a call as interrupted if its last attempt was not done, and the outcome of an earlier attempt is
    /// unknown.
    Interrupted,
}

/// The cycles for a call, and those that the canister has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Cycles that the call needs while it is open. Most of them come back with the response.
    pub required: u128,
    /// Liquid cycles of the canister.
    pub available: u128,
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

    /// The reason for a call that needs more cycles than the canister has.
    pub fn cycles(required: u128, available: u128) -> Self {
        Self::Cycles(Box::new(Shortage { required, available }))
    }

    /// The kind of this reason, without its details.
    pub fn kind(&self) -> ReasonKind {
        match self {
            Self::QueueFull => ReasonKind::QueueFull,
            Self::Cycles(_) => ReasonKind::Cycles,
            Self::Stopping => ReasonKind::Stopping,
            Self::Cancelled => ReasonKind::Cancelled,
            Self::Deadline(_) => ReasonKind::Deadline,
            Self::Undecodable(_) => ReasonKind::Undecodable,
            Self::Interrupted => ReasonKind::Interrupted,
            Self::Expired => ReasonKind::Expired,
            Self::ClockStopped => ReasonKind::ClockStopped,
            Self::Declined(_) => ReasonKind::Declined,
            Self::Unavailable(_) => ReasonKind::Unavailable,
            Self::Unclear(_) => ReasonKind::Unclear,
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
            Self::Cycles(shortage) => {
                let Shortage { required, available } = **shortage;
                write!(
                    f,
                    "not sent: the call needs {required} cycles, and {available} are available"
                )
            }
            Self::Rejected { message, .. }
            | Self::Declined(message)
            | Self::Unavailable(message)
            | Self::Unclear(message) => f.write_str(message),
            Self::Undecodable(error) => write!(f, "the reply cannot be decoded: {error}"),
            Self::QueueFull => f.write_str("not sent: no slot is free"),
            Self::Stopping => f.write_str("not sent: the canister is stopping"),
            Self::Cancelled => f.write_str("not sent: the call was cancelled"),
            Self::Expired => f.write_str("not sent: the time of the fan-out is over"),
            Self::ClockStopped => {
                f.write_str("not sent again: the clock stands still; in a test, advance the time")
            }
            Self::Deadline(message) => write!(f, "no response in time: {message}"),
            Self::Interrupted => f.write_str("the canister was upgraded while the call was open"),
        }
    }
}

/// The kind of a [`Reason`]: what a [`Summary`](crate::Summary) counts.
///
/// The numbers are written to stable memory by [`Job::to_bytes`](crate::Job::to_bytes), so they never change, and a new
/// kind gets the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
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
    /// [`Reason::Expired`]
    Expired = 12,
    /// [`Reason::ClockStopped`]
    ClockStopped = 13,
    /// [`Reason::Declined`]
    Declined = 14,
    /// [`Reason::Unavailable`]
    Unavailable = 15,
    /// [`Reason::Unclear`]
    Unclear = 16,
}

impl ReasonKind {
    /// All kinds, in the order of their numbers. Later versions of this crate may append further ones.
    pub const ALL: &'static [Self] = &[
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
        Self::Expired,
        Self::ClockStopped,
        Self::Declined,
        Self::Unavailable,
        Self::Unclear,
    ];

    /// Whether the callee did nothing: the outcome is then [`NotDone`](crate::Outcome::NotDone), otherwise
    /// [`Unknown`](crate::Outcome::Unknown).
    pub fn is_clean(self) -> bool {
        match self {
            Self::QueueFull
            | Self::Cycles
            | Self::Stopping
            | Self::Cancelled
            | Self::SysFatal
            | Self::SysTransient
            | Self::DestinationInvalid
            | Self::Expired
            | Self::ClockStopped
            | Self::Declined
            | Self::Unavailable => true,
            Self::CanisterReject
            | Self::CanisterError
            | Self::Deadline
            | Self::Undecodable
            | Self::Interrupted
            | Self::Unclear => false,
        }
    }

    /// Whether the call was not sent. A call with several attempts can have such a reason, too: then its last attempt
    /// was not sent.
    pub fn is_unsent(self) -> bool {
        matches!(
            self,
            Self::QueueFull
                | Self::Cycles
                | Self::Stopping
                | Self::Cancelled
                | Self::Expired
                | Self::ClockStopped
        )
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
            | Self::Interrupted
            | Self::Unavailable
            | Self::Unclear => true,
            Self::Stopping
            | Self::Cancelled
            | Self::Expired
            | Self::ClockStopped
            | Self::Declined
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
            Self::Expired => "expired",
            Self::ClockStopped => "clock_stopped",
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
            Self::Unclear => "unclear",
        }
    }
}
