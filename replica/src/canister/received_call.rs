//! Received calls, their outcomes, and the responses to them.
//!
//! Rules: interface specification, "Call contexts"; `call_context_manager.rs` in the replica's repository.

use crate::error::{ErrorCode, Reject, Trap, UserError};
use crate::message::{CallHeader, CallerInfo, Response};
use crate::trace::Work;
use crate::types::{CanisterId, Cycles, MessageId, Payload, Time};
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The origin of a call: the caller, who gets the response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A user, who sent an ingress message.
    Ingress {
        /// The id of the ingress message.
        message: MessageId,
        /// The user.
        sender: Principal,
        /// Information about the user, signed by a canister.
        #[serde(with = "crate::types::encoding::shared_option")]
        info: Option<Arc<CallerInfo>>,
    },
    /// A canister, which sent a request.
    Canister(CallHeader),
    /// No caller: a task, such as a timer or a heartbeat.
    Task,
}

impl Origin {
    /// The principal of the caller. For a task, this is the management canister.
    pub fn caller(&self) -> Principal {
        match self {
            Self::Ingress { sender, .. } => *sender,
            Self::Canister(header) => header.caller.principal(),
            Self::Task => Principal::management_canister(),
        }
    }

    /// Signed information about the caller, if the message has any.
    pub fn caller_info(&self) -> Option<Arc<CallerInfo>> {
        match self {
            Self::Ingress { info, .. } => info.clone(),
            Self::Canister(_) | Self::Task => None,
        }
    }

    /// The deadline of a bounded-wait call. `None` for all other origins.
    pub fn deadline(&self) -> Option<Time> {
        match self {
            Self::Canister(header) => header.deadline,
            Self::Ingress { .. } | Self::Task => None,
        }
    }
}

impl From<&Origin> for Work {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Ingress { message, .. } => Self::Ingress(*message),
            Origin::Canister(header) => Self::Request(header.id()),
            Origin::Task => Self::Task,
        }
    }
}

/// A call that was received and has no response yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedCall {
    /// The origin of the call.
    pub origin: Origin,
    /// Attached cycles that the callee has not taken. They go back with the response.
    pub cycles: Cycles,
}

impl ReceivedCall {
    /// The response to the call. It refunds the attached cycles that are left.
    pub fn respond(self, result: Result<Payload, Failure>) -> CallResponse {
        CallResponse { origin: self.origin, result, refund: self.cycles }
    }
}

/// A response to a call, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResponse {
    /// The origin of the call.
    pub origin: Origin,
    /// The reply, or why the call failed.
    pub result: Result<Payload, Failure>,
    /// Attached cycles that the response refunds.
    pub refund: Cycles,
}

impl CallResponse {
    /// The response of a canister to the calling canister. `None` if no canister called.
    pub fn into_canister_response(self) -> Option<Response> {
        self.into_response(Failure::into_reject_with_code)
    }

    /// The response of the management canister to the calling canister. `None` if no canister called.
    pub fn into_management_response(self) -> Option<Response> {
        self.into_response(Failure::into_reject)
    }

    fn into_response(self, reject: impl FnOnce(Failure) -> Reject) -> Option<Response> {
        let Origin::Canister(header) = self.origin else { return None };
        Some(Response { header, refund: self.refund, result: self.result.map_err(reject) })
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The canister rejected the call.
    Rejected(Reject),
    /// The replica rejected the call.
    Error(UserError),
}

impl From<Failure> for UserError {
    /// The error that a user gets. Its description does not contain the error code.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(Reject { message, error_code, .. }) => {
                let code = error_code.unwrap_or(ErrorCode::CanisterRejectedMessage);
                Self { code, description: message }
            }
            Failure::Error(error) => error,
        }
    }
}

impl Failure {
    /// The reject that a canister gets from a callee. The message of an error begins with the error code:
    /// see [`UserError::into_reject_with_code`]. Messages are shortened: see [`Reject::shortened`].
    pub fn into_reject_with_code(self) -> Reject {
        match self {
            Self::Rejected(reject) => reject,
            Self::Error(error) => error.into_reject_with_code(),
        }
        .shortened()
    }

    /// The reject that a canister gets from the management canister, and a composite query from its
    /// callees: see [`UserError::into_reject`]. The messages of errors are not shortened.
    pub fn into_reject(self) -> Reject {
        match self {
            Self::Rejected(reject) => reject.shortened(),
            Self::Error(error) => error.into_reject(),
        }
    }
}

/// The outcome of an execution for its call context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The execution replied or rejected.
    Responded(Result<Payload, Reject>),
    /// The execution ended without a reply or a reject.
    Nothing,
    /// The execution trapped.
    Failed(Trap),
}

/// The response to a received call whose only execution has ended with this outcome and has made no calls.
pub fn last_response(
    received: ReceivedCall,
    outcome: Outcome,
    canister: CanisterId,
) -> CallResponse {
    let result = last_result(outcome, &received.origin, canister);
    received.respond(result)
}

/// The result of a call that has no response yet and whose last execution has ended with this outcome.
pub(super) fn last_result(
    outcome: Outcome,
    origin: &Origin,
    canister: CanisterId,
) -> Result<Payload, Failure> {
    match outcome {
        Outcome::Responded(result) => result.map_err(Failure::Rejected),
        Outcome::Nothing => Err(no_response(origin, canister)),
        Outcome::Failed(trap) => Err(Failure::Error(trap.into_user_error(canister))),
    }
}

/// The failure of a call that ended without a response. For a canister, the message does not begin with
/// the error code.
fn no_response(origin: &Origin, canister: CanisterId) -> Failure {
    match origin {
        Origin::Canister(_) => {
            Failure::Rejected(Reject::from_code(ErrorCode::CanisterDidNotReply, "No response"))
        }
        Origin::Ingress { .. } | Origin::Task => {
            Failure::Error(Trap::DidNotReply.into_user_error(canister))
        }
    }
}
