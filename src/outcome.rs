//! What became of a call, and of many.

use std::fmt;

/// What became of one call.
///
/// The line between "surely not done" and "unknown" is the one `ic-cdk` draws between clean and other rejects
/// (`CallErrorExt`): clean are calls that were never sent, and rejects of the system before the callee saw the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The callee replied.
    Done(T),
    /// The callee surely did nothing.
    NotDone(Reason),
    /// The callee may have done it, or a part of it.
    Unknown(Reason),
}

impl<T> Outcome<T> {
    /// The reply, if there is one.
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

    /// Why there is no reply.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Done(_) => None,
            Self::NotDone(reason) | Self::Unknown(reason) => Some(reason),
        }
    }

    /// The same outcome with its reply decoded. A reply that cannot be decoded leaves open what the callee did.
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

    /// The outcome that a reason stands for.
    pub fn failed(reason: Reason) -> Self {
        if reason.kind().is_clean() { Self::NotDone(reason) } else { Self::Unknown(reason) }
    }
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not sent: no slot was free. Nearly always it is one of the 500 to this callee; the callbacks of the
    /// whole subnet and its memory for answers are bounded as well, and the system does not tell which it was.
    QueueFull,
    /// It was not sent: the canister's liquid cycles do not cover it.
    Cycles {
        /// What the call needs, most of which would have come back.
        required: u128,
        /// What was there.
        available: u128,
    },
    /// It was not sent, because the calling canister is about to be stopped.
    Stopping,
    /// It was not sent, because somebody cancelled it.
    Cancelled,
    /// The system or the callee rejected it.
    Rejected {
        /// The reject code, of which [`reject_code`] names some.
        code: u32,
        /// The reject message.
        message: String,
    },
    /// The wait ended before there was an answer, or the answer was lost (reject code 6, `SYS_UNKNOWN`), with the reject
    /// message.
    Deadline(String),
    /// There was a reply, but not the expected one.
    Undecodable(String),
    /// What the call came to was lost: the calling canister was upgraded while it was open, or gave up repeating it.
    Interrupted,
}

/// Reject codes of the [interface specification](https://docs.internetcomputer.org/references/ic-interface-spec/).
pub mod reject_code {
    /// The system cannot do it, now or later.
    pub const SYS_FATAL: u32 = 1;
    /// The system cannot do it now.
    pub const SYS_TRANSIENT: u32 = 2;
    /// There is no such canister or method.
    pub const DESTINATION_INVALID: u32 = 3;
    /// The callee refused.
    pub const CANISTER_REJECT: u32 = 4;
    /// The callee failed.
    pub const CANISTER_ERROR: u32 = 5;
    /// Nobody knows.
    pub const SYS_UNKNOWN: u32 = 6;
}

impl Reason {
    /// The reason of an answer that is a reject.
    pub fn rejected(code: u32, message: String) -> Self {
        if code == reject_code::SYS_UNKNOWN {
            Self::Deadline(message)
        } else {
            Self::Rejected { code, message }
        }
    }

    /// What it counts as.
    pub fn kind(&self) -> Kind {
        match self {
            Self::QueueFull => Kind::QueueFull,
            Self::Cycles { .. } => Kind::Cycles,
            Self::Stopping => Kind::Stopping,
            Self::Cancelled => Kind::Cancelled,
            Self::Deadline(_) => Kind::Deadline,
            Self::Undecodable(_) => Kind::Undecodable,
            Self::Interrupted => Kind::Interrupted,
            Self::Rejected { code, .. } => match *code {
                reject_code::SYS_FATAL => Kind::SysFatal,
                reject_code::SYS_TRANSIENT => Kind::SysTransient,
                reject_code::DESTINATION_INVALID => Kind::DestinationInvalid,
                reject_code::CANISTER_REJECT => Kind::CanisterReject,
                // A code that is not known yet leaves everything open, as an error of the callee does.
                _ => Kind::CanisterError,
            },
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycles { required, available } => {
                write!(f, "not sent: it needs {required} cycles, and {available} are there")
            }
            Self::Rejected { message, .. } => f.write_str(message),
            Self::Undecodable(error) => write!(f, "the reply cannot be decoded: {error}"),
            Self::QueueFull => f.write_str("not sent: no slot is free"),
            Self::Stopping => f.write_str("not sent: the canister is stopping"),
            Self::Cancelled => f.write_str("not sent: it was cancelled"),
            Self::Deadline(message) => write!(f, "no answer in time: {message}"),
            Self::Interrupted => f.write_str("the canister was upgraded while the call was open"),
        }
    }
}

/// Reasons without their details, as they are counted. Their numbers are written to stable memory: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
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
    /// [`Reason::Rejected`] with [`reject_code::CANISTER_ERROR`] or a code that is not known
    CanisterError = 8,
    /// [`Reason::Deadline`]
    Deadline = 9,
    /// [`Reason::Undecodable`]
    Undecodable = 10,
    /// [`Reason::Interrupted`]
    Interrupted = 11,
}

impl Kind {
    /// All kinds, each at the place of its number.
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

    /// Whether the callee surely did nothing.
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

    /// Whether the call never left.
    pub fn is_unsent(self) -> bool {
        matches!(self, Self::QueueFull | Self::Cycles | Self::Stopping | Self::Cancelled)
    }

    /// Whether the same call may end differently a little later. An answer of the callee, also a refusal, is one.
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

    /// Its name, for reports and machines.
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

/// What became of many calls, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Calls the callee replied to.
    pub succeeded: u64,
    /// The most calls that were open at once.
    pub widest: u32,
    /// Sends that found no slot or no cycles, whatever came of the call later. A [job](crate::Job) does not count them.
    pub refused: u64,
    pub(crate) failed: [u64; Kind::ALL.len()],
}

impl Summary {
    /// Counts one more call.
    pub fn count<T>(&mut self, outcome: &Outcome<T>) {
        match outcome.reason() {
            None => self.succeeded += 1,
            Some(reason) => self.add(reason.kind(), 1),
        }
    }

    /// Counts calls that failed for one reason.
    pub fn add(&mut self, kind: Kind, calls: u64) {
        self.failed[kind as usize] += calls;
    }

    /// Notes how many calls are open.
    pub fn widen(&mut self, open: u32) {
        self.widest = self.widest.max(open);
    }

    /// Calls that were to be made.
    pub fn attempted(&self) -> u64 {
        self.succeeded + self.failed.iter().sum::<u64>()
    }

    /// Calls that failed for one reason.
    pub fn failed(&self, kind: Kind) -> u64 {
        self.failed[kind as usize]
    }

    /// The reasons for which calls failed, and how many for each.
    pub fn failures(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.failed).filter(|&(_, calls)| calls > 0)
    }

    /// Calls that were surely not done.
    pub fn not_done(&self) -> u64 {
        self.failures().filter(|(kind, _)| kind.is_clean()).map(|(_, calls)| calls).sum()
    }

    /// Calls of which nobody knows whether they were done.
    pub fn unknown(&self) -> u64 {
        self.failures().filter(|(kind, _)| !kind.is_clean()).map(|(_, calls)| calls).sum()
    }
}
