//! Failures: traps of canisters, and rejects as users and other canisters see them.
//!
//! The replica distinguishes three kinds of failure. Invalid input is an error of the function that
//! takes the input. A reject, which the Internet Computer defines, is data: a [`UserError`] or a
//! [`Reject`]. A broken invariant of the replica is a panic.

use crate::limits::REJECT_MESSAGE_BYTES_MAX;
use crate::types::{CanisterId, Cycles};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Error codes and reject codes, as in the newest PocketIC client.
pub use pocket_ic::{ErrorCode, RejectCode};

/// A reject as a canister sees it: a code and a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The class of the failure.
    pub code: RejectCode,
    /// The reject message.
    pub message: String,
    /// The error code, if there is one. Only the sender of an ingress message sees it.
    pub error_code: Option<ErrorCode>,
}

impl Reject {
    /// A reject with this error code, which determines its reject code. The message does not begin with the
    /// error code.
    pub fn from_code(error_code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: reject_code(error_code), message, error_code: Some(error_code) }
    }

    /// A reject that a canister made with `msg_reject`, with its message verbatim.
    pub fn by_canister(message: String) -> Self {
        let error_code = Some(ErrorCode::CanisterRejectedMessage);
        Self { code: RejectCode::CanisterReject, message, error_code }
    }

    /// The reject as another canister gets it: with a message of at most [`REJECT_MESSAGE_BYTES_MAX`]
    /// bytes. Users get the whole message.
    pub fn shortened(self) -> Self {
        Self { message: shortened(self.message, REJECT_MESSAGE_BYTES_MAX), ..self }
    }
}

/// A failure as the sender of an ingress message sees it: an error code and a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserError {
    /// The error code. Its first digit is the reject code.
    pub code: ErrorCode,
    /// The description of the failure, without the error code.
    pub description: String,
}

impl UserError {
    /// An error with this code and description.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    /// The error for a canister that does not exist.
    pub fn canister_not_found(canister: CanisterId) -> Self {
        Self::new(ErrorCode::CanisterNotFound, format!("Canister {canister} not found"))
    }

    /// The reject that a canister gets from a callee that failed, and for a call that the replica refused
    /// when the canister made it. The message begins with the error code
    /// (`execution/common.rs`, `action_to_request_response`; `reject_subnet_message_user_error`).
    pub fn into_reject_with_code(self) -> Reject {
        Reject::from_code(self.code, self.to_string())
    }

    /// The reject that a canister gets from the management canister, and a composite query from its
    /// callees. The message does not begin with the error code (`From<UserError> for RejectContext` in
    /// `types/types/src/messages/inter_canister.rs`).
    pub fn into_reject(self) -> Reject {
        Reject::from_code(self.code, self.description)
    }

    /// The code as users see it, such as `IC0503`.
    pub fn code_text(&self) -> String {
        format!("IC{:04}", self.code as i32)
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code_text(), self.description)
    }
}

/// The reject code of an error code: its first digit.
pub(crate) fn reject_code(code: ErrorCode) -> RejectCode {
    RejectCode::try_from(code as u64 / 100)
        .expect("the first digit of an error code is a reject code")
}

/// Shortens a text to `bytes_max` bytes by cutting out its middle. Three quarters of the result are the
/// beginning of the text, the rest is its end (`types/types/src/messages/inter_canister.rs`,
/// `RejectContext`).
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

/// A part of a message that is left out if the amount is `None`.
fn optional(amount: &Option<Cycles>, text: impl FnOnce(Cycles) -> String) -> String {
    amount.map(text).unwrap_or_default()
}

/// Why the execution of a message failed. Everything that the execution did is rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Trap {
    /// The canister called `ic0.trap`.
    #[error("Canister called `ic0.trap` with message: '{0}'")]
    Called(String),
    /// The Wasm code trapped: unreachable code, an access out of bounds, a division by zero, …
    #[error("Canister trapped: {0}")]
    Wasm(Cow<'static, str>),
    /// The canister violated a rule of the system API.
    #[error("Canister violated contract: {0}")]
    Contract(String),
    /// The message used more instructions than one message may use.
    #[error("Canister exceeded the limit of {limit} instructions for single message execution")]
    InstructionLimit {
        /// The limit in instructions.
        limit: u64,
    },
    /// The message accessed more stable memory than one message may access.
    #[error(
        "Canister exceeded the limit of {limit} bytes of stable memory accessed in one message"
    )]
    StableMemoryAccess {
        /// The limit in bytes.
        limit: u64,
    },
    /// The heap would have grown past the setting `wasm_memory_limit`.
    #[error(
        "Canister exceeded its current Wasm memory limit of {limit} bytes: it asked for {bytes} bytes"
    )]
    WasmMemoryLimit {
        /// The size that the heap would have had, in bytes.
        bytes: u64,
        /// The largest size allowed, in bytes.
        limit: u64,
    },
    /// The canister has too few cycles for a memory to grow: it would be frozen, or could not reserve
    /// cycles for the memory.
    #[error(
        "Canister cannot grow memory by {bytes} bytes due to insufficient cycles{}",
        optional(missing, |missing| format!(". At least {missing} additional cycles are required"))
    )]
    MemoryGrow {
        /// The bytes by which the memory would have grown.
        bytes: u64,
        /// The cycles that the canister lacks. `None` if the caller does not control the canister.
        missing: Option<Cycles>,
    },
    /// The memory cannot grow, because the reserved cycles would exceed the setting
    /// `reserved_cycles_limit`.
    #[error(
        "Canister cannot grow memory by {bytes} bytes due to its reserved cycles limit. The current \
         limit ({limit}) would be exceeded by {excess}"
    )]
    ReservedCyclesLimit {
        /// The bytes by which the memory would have grown.
        bytes: u64,
        /// The limit in cycles.
        limit: Cycles,
        /// The cycles by which the limit would have been exceeded.
        excess: Cycles,
    },
    /// The canister has no such method.
    #[error("Canister has no {kind} method '{method}'")]
    MethodNotFound {
        /// `update`, `query` or `composite_query`.
        kind: Cow<'static, str>,
        /// The name that was called.
        method: String,
    },
    /// The canister's table has no function at the index of a callback.
    #[error("Canister has no function {0} in its table")]
    FunctionNotFound(u64),
    /// The canister has no code.
    #[error("Attempted to execute a message, but the canister contains no Wasm module")]
    NoWasmModule,
    /// The canister has too few cycles.
    #[error(
        "Canister is out of cycles{}",
        optional(missing, |missing| format!(": top it up with at least {missing} cycles"))
    )]
    OutOfCycles {
        /// The cycles that the canister lacks. `None` if the caller does not control the canister.
        missing: Option<Cycles>,
    },
    /// The canister has too few cycles above the freezing threshold to attach them to a call.
    #[error("Canister is out of cycles: it cannot attach so many to a call")]
    OutOfCyclesToAttach,
    /// The method ended without a reply or reject, and no call is open.
    #[error("Canister did not reply to the call")]
    DidNotReply,
    /// The module cannot be installed.
    #[error("Canister's Wasm module is not valid: {0}")]
    InvalidModule(String),
    /// A callback failed, and then its cleanup callback failed, too.
    #[error("{callback}\n\ncall_on_cleanup also failed:\n\n{cleanup}")]
    Cleanup {
        /// Why the callback failed.
        callback: Box<Trap>,
        /// Why the cleanup callback failed.
        cleanup: Box<Trap>,
    },
    /// The Wasm engine itself failed.
    #[error("The Wasm engine failed: {0}")]
    Engine(String),
}

impl Trap {
    /// The error code that a user sees.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Called(_) => ErrorCode::CanisterCalledTrap,
            Self::Wasm(_) => ErrorCode::CanisterTrapped,
            Self::Contract(_) | Self::OutOfCyclesToAttach => ErrorCode::CanisterContractViolation,
            Self::InstructionLimit { .. } => ErrorCode::CanisterInstructionLimitExceeded,
            Self::StableMemoryAccess { .. } => ErrorCode::CanisterMemoryAccessLimitExceeded,
            Self::WasmMemoryLimit { .. } => ErrorCode::CanisterWasmMemoryLimitExceeded,
            Self::MemoryGrow { .. } => ErrorCode::InsufficientCyclesInMemoryGrow,
            Self::ReservedCyclesLimit { .. } => ErrorCode::ReservedCyclesLimitExceededInMemoryGrow,
            Self::MethodNotFound { .. } => ErrorCode::CanisterMethodNotFound,
            Self::FunctionNotFound(_) => ErrorCode::CanisterFunctionNotFound,
            Self::NoWasmModule => ErrorCode::CanisterWasmModuleNotFound,
            Self::OutOfCycles { .. } => ErrorCode::CanisterOutOfCycles,
            Self::DidNotReply => ErrorCode::CanisterDidNotReply,
            Self::InvalidModule(_) => ErrorCode::CanisterInvalidWasm,
            Self::Cleanup { callback, .. } => callback.code(),
            Self::Engine(_) => ErrorCode::CanisterWasmEngineError,
        }
    }

    /// The line that the canister's log gets. Only traps of the canister's own code are logged.
    pub fn log_line(&self) -> Option<String> {
        match self {
            Self::Called(text) if text.is_empty() => Some("[TRAP]: (no message)".into()),
            Self::Called(text) => Some(format!("[TRAP]: {text}")),
            Self::Wasm(reason) => Some(format!("[TRAP]: {reason}")),
            _ => None,
        }
    }

    /// What a developer can do about the failure, unless the error text says so already.
    fn suggestion(&self) -> Option<&'static str> {
        Some(match self {
            Self::Called(_) | Self::Wasm(_) => {
                "The canister's own code trapped: check the condition that the message names."
            }
            Self::Contract(_) | Self::FunctionNotFound(_) => {
                "The canister or its development kit uses the system API wrongly."
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
            Self::OutOfCyclesToAttach => {
                "Attach no more cycles than `canister_liquid_cycle_balance128` returns."
            }
            Self::OutOfCycles { .. } | Self::Cleanup { .. } | Self::Engine(_) => return None,
        })
    }

    /// The error as users see it: with the canister's id, and with a suggestion if there is one.
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
    fn the_error_code_stands_before_the_message_only_where_it_is_asked_for() {
        let error = Trap::Called("no".into()).into_user_error(CanisterId::MANAGEMENT);
        assert!(error.description.starts_with("Error from Canister aaaaa-aa: "));
        assert!(error.description.contains("called `ic0.trap` with message: 'no'.\n"));
        let reject = error.clone().into_reject_with_code();
        assert!(reject.message.starts_with("IC0503: Error from Canister aaaaa-aa: "));
        assert_eq!(reject.code, RejectCode::CanisterError);
        let reject = error.into_reject();
        assert!(reject.message.starts_with("Error from Canister aaaaa-aa: "));
        assert_eq!(reject.code, RejectCode::CanisterError);
    }

    #[test]
    fn long_reject_messages_are_shortened_by_whole_characters_in_the_middle() {
        assert_eq!(shortened("ä".repeat(10), 20), "ä".repeat(10));
        // The beginning has room for 15 bytes, the end for 2.
        assert_eq!(shortened("ä".repeat(11), 20), "äääääää...ä");
        assert_eq!(shortened(format!("{}end", "x".repeat(20)), 20), "xxxxxxxxxxxxxxx...nd");
    }
}
