//! How things fail: traps of a canister, and rejects as users and other canisters see them.
//!
//! Three kinds of failure are kept apart. Input from outside that makes no sense is an error of the
//! function that takes it. What the Internet Computer defines as a reject is data: a
//! [`UserError`] or a [`Reject`]. A broken invariant of the replica panics.

use crate::limits::REJECT_MESSAGE_BYTES_MAX;
use crate::types::{CanisterId, Cycles};
use std::fmt;

/// The codes of errors and rejects, as the newest client knows them.
pub use pocket_ic::{ErrorCode, RejectCode};

/// A reject as a canister sees it: a code and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The class of the failure.
    pub code: RejectCode,
    /// What happened.
    pub message: String,
    /// The finer code that only an ingress sender gets to see, where there is one.
    pub error_code: Option<ErrorCode>,
}

impl Reject {
    /// A reject made by message routing, whose text carries no error code.
    pub fn routing(error_code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: reject_code(error_code), message, error_code: Some(error_code) }
    }

    /// A canister's own `msg_reject`, its text verbatim.
    pub fn by_canister(message: String) -> Self {
        let error_code = Some(ErrorCode::CanisterRejectedMessage);
        Self { code: RejectCode::CanisterReject, message, error_code }
    }

    /// As it goes to a canister. Users get the whole text.
    pub fn shortened(self) -> Self {
        Self { message: shortened(self.message, REJECT_MESSAGE_BYTES_MAX), ..self }
    }
}

impl From<UserError> for Reject {
    /// As another canister gets it: with the error code in front of the text.
    fn from(error: UserError) -> Self {
        Self::routing(error.code, error.to_string())
    }
}

/// A failure with the code and the text an ingress sender gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError {
    /// The code, whose first digit is the reject code.
    pub code: ErrorCode,
    /// The text, without the code.
    pub description: String,
}

impl UserError {
    /// An error of this code and text.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    /// The error for a canister that is not there.
    pub fn canister_not_found(canister: CanisterId) -> Self {
        Self::new(ErrorCode::CanisterNotFound, format!("Canister {canister} not found"))
    }
}

impl UserError {
    /// The code as users see it: `IC0503`.
    pub fn code_text(&self) -> String {
        format!("IC{:04}", self.code as i32)
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code_text(), self.description)
    }
}

/// The reject code of an error code is its first digit.
pub(crate) fn reject_code(code: ErrorCode) -> RejectCode {
    RejectCode::try_from(code as u64 / 100)
        .expect("the first digit of an error code is a reject code")
}

/// Leaves out so much of a text that `bytes_max` remain: its beginning and, a third as long, its end
/// (`types/types/src/messages/inter_canister.rs`, `RejectContext`).
fn shortened(mut text: String, bytes_max: usize) -> String {
    const GAP: &str = "...";
    if text.len() > bytes_max {
        let beginning = bytes_max / 4 * 3;
        let end = text.len() - (bytes_max - beginning - GAP.len());
        let range = text.floor_char_boundary(beginning)..text.ceil_char_boundary(end);
        text.replace_range(range, GAP);
    }
    text
}

/// Why the execution of a message did not end well. All it did is undone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trap {
    /// The canister called `ic0.trap`.
    #[error("Canister called `ic0.trap` with message: '{0}'")]
    Called(String),
    /// Wasm trapped: unreachable code, an access out of bounds, a division by zero, …
    #[error("Canister trapped: {0}")]
    Wasm(&'static str),
    /// The canister broke a rule of the system interface.
    #[error("Canister violated contract: {0}")]
    Contract(String),
    /// The message needed more instructions than a message may.
    #[error("Canister exceeded the limit of {limit} instructions for single message execution")]
    InstructionLimit {
        /// The limit it ran into.
        limit: u64,
    },
    /// Accessing more stable memory than one message may.
    #[error(
        "Canister exceeded the limit of {limit} bytes of stable memory accessed in one message"
    )]
    StableMemoryAccess {
        /// The limit it ran into.
        limit: u64,
    },
    /// Growing the heap past `wasm_memory_limit`.
    #[error(
        "Canister exceeded its current Wasm memory limit of {limit} bytes: it asked for {bytes} bytes"
    )]
    WasmMemoryLimit {
        /// What the heap would have had.
        bytes: u64,
        /// What it may have.
        limit: u64,
    },
    /// Growing a memory until the canister would be frozen, or not have the cycles to be set aside.
    #[error(
        "Canister cannot grow memory by {bytes} bytes due to insufficient cycles. At least {missing} \
         additional cycles are required"
    )]
    MemoryGrow {
        /// By how much memory would have grown.
        bytes: u64,
        /// Cycles that it lacks.
        missing: Cycles,
    },
    /// Growing a memory beyond what cycles may be set aside for.
    #[error(
        "Canister cannot grow memory by {bytes} bytes due to its reserved cycles limit. The current \
         limit ({limit}) would be exceeded by {excess}"
    )]
    ReservedCyclesLimit {
        /// By how much memory would have grown.
        bytes: u64,
        /// The limit.
        limit: Cycles,
        /// By how much it would have been exceeded.
        excess: Cycles,
    },
    /// There is no such method.
    #[error("Canister has no {kind} method '{method}'")]
    MethodNotFound {
        /// `update`, `query` or `composite_query`.
        kind: &'static str,
        /// The name that was called.
        method: String,
    },
    /// There is no function at a callback's place.
    #[error("Canister has no function {0} in its table")]
    FunctionNotFound(u64),
    /// There is no code to execute.
    #[error("Attempted to execute a message, but the canister contains no Wasm module")]
    NoWasmModule,
    /// The cycles do not reach.
    #[error("Canister is out of cycles: {0}")]
    OutOfCycles(String),
    /// The method ended without an answer and with no call open.
    #[error("Canister did not reply to the call")]
    DidNotReply,
    /// The module cannot be installed.
    #[error("Canister's Wasm module is not valid: {0}")]
    InvalidModule(String),
    /// A callback failed, and its cleanup too.
    #[error("{callback}\n\ncall_on_cleanup also failed:\n\n{cleanup}")]
    Cleanup {
        /// What the callback failed with.
        callback: Box<Trap>,
        /// What the cleanup failed with.
        cleanup: Box<Trap>,
    },
    /// The engine itself failed.
    #[error("The Wasm engine failed: {0}")]
    Engine(String),
}

impl Trap {
    /// The code a user sees.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Called(_) => ErrorCode::CanisterCalledTrap,
            Self::Wasm(_) => ErrorCode::CanisterTrapped,
            Self::Contract(_) => ErrorCode::CanisterContractViolation,
            Self::InstructionLimit { .. } => ErrorCode::CanisterInstructionLimitExceeded,
            Self::StableMemoryAccess { .. } => ErrorCode::CanisterMemoryAccessLimitExceeded,
            Self::WasmMemoryLimit { .. } => ErrorCode::CanisterWasmMemoryLimitExceeded,
            Self::MemoryGrow { .. } => ErrorCode::InsufficientCyclesInMemoryGrow,
            Self::ReservedCyclesLimit { .. } => ErrorCode::ReservedCyclesLimitExceededInMemoryGrow,
            Self::MethodNotFound { .. } => ErrorCode::CanisterMethodNotFound,
            Self::FunctionNotFound(_) => ErrorCode::CanisterFunctionNotFound,
            Self::NoWasmModule => ErrorCode::CanisterWasmModuleNotFound,
            Self::OutOfCycles(_) => ErrorCode::CanisterOutOfCycles,
            Self::DidNotReply => ErrorCode::CanisterDidNotReply,
            Self::InvalidModule(_) => ErrorCode::CanisterInvalidWasm,
            Self::Cleanup { callback, .. } => callback.code(),
            Self::Engine(_) => ErrorCode::CanisterWasmEngineError,
        }
    }

    /// What the canister's log says of it; nothing, for failures that are not the code's own doing.
    pub fn log_line(&self) -> Option<String> {
        match self {
            Self::Called(text) if text.is_empty() => Some("[TRAP]: (no message)".into()),
            Self::Called(text) => Some(format!("[TRAP]: {text}")),
            Self::Wasm(reason) => Some(format!("[TRAP]: {reason}")),
            _ => None,
        }
    }

    /// What a developer can do about it; nothing for failures that name their remedy themselves.
    fn suggestion(&self) -> Option<&'static str> {
        Some(match self {
            Self::Called(_) | Self::Wasm(_) => {
                "The canister's code decides this: look at the condition it names, or catch it there."
            }
            Self::Contract(_) | Self::FunctionNotFound(_) => {
                "The canister or its development kit uses the system interface wrongly."
            }
            Self::InstructionLimit { .. } | Self::StableMemoryAccess { .. } => {
                "Do less in one message, for example by splitting the work over several calls."
            }
            Self::WasmMemoryLimit { .. } => {
                "Free memory in the canister, or raise `wasm_memory_limit` in its settings."
            }
            Self::MemoryGrow { .. } => "Top up the canister with cycles.",
            Self::ReservedCyclesLimit { .. } => {
                "Raise `reserved_cycles_limit` in the canister's settings."
            }
            Self::MethodNotFound { .. } => {
                "Check the method's name and kind, and that the right canister is called."
            }
            Self::NoWasmModule => "Install code into the canister before calling it.",
            Self::DidNotReply => "Make sure that every path through the method replies or rejects.",
            Self::InvalidModule(_) => "Rebuild the module for the target `wasm32-unknown-unknown`.",
            Self::OutOfCycles(_) | Self::Cleanup { .. } | Self::Engine(_) => return None,
        })
    }

    /// The error as users see it.
    pub fn into_user_error(self, canister: CanisterId) -> UserError {
        let end = match self.suggestion() {
            Some(suggestion) => format!(".\n{suggestion}"),
            None => String::new(),
        };
        UserError::new(self.code(), format!("Error from Canister {canister}: {self}{end}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canister_sees_the_code_in_front_and_a_user_does_not() {
        let error = Trap::Called("no".into()).into_user_error(CanisterId::MANAGEMENT);
        assert!(error.description.starts_with("Error from Canister aaaaa-aa: "));
        assert!(error.description.contains("called `ic0.trap` with message: 'no'.\n"));
        let reject = Reject::from(error);
        assert!(reject.message.starts_with("IC0503: Error from Canister aaaaa-aa: "));
        assert_eq!(reject.code, RejectCode::CanisterError);
    }

    #[test]
    fn long_reject_messages_lose_whole_characters_of_their_middle() {
        assert_eq!(shortened("ä".repeat(10), 20), "ä".repeat(10));
        // The beginning has room for 15 bytes, the end for 2.
        assert_eq!(shortened("ä".repeat(11), 20), "äääääää...ä");
        assert_eq!(shortened(format!("{}end", "x".repeat(20)), 20), "xxxxxxxxxxxxxxx...nd");
    }
}
