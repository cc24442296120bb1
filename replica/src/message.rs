//! Messages: requests and responses between canisters, refunds, and ingress messages from users.

use crate::error::{Reject, RejectCode};
use crate::ic00::ManagementCall;
use crate::limits::*;
use crate::trace::{CallId, Event, Responder};
use crate::types::{CallbackId, Callee, CanisterId, Cycles, MessageId, Payload, Time};
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The header of a call between canisters. The request, the response and the caller's callback carry the
/// same header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallHeader {
    /// The canister that makes the call and gets the response.
    pub caller: CanisterId,
    /// The callee, as the caller named it.
    pub callee: Callee,
    /// The id of the caller's callback for the response.
    pub callback: CallbackId,
    /// When the caller stops waiting. None, for an unbounded-wait call.
    pub deadline: Option<Time>,
}

impl CallHeader {
    /// The id of the call.
    pub fn id(&self) -> CallId {
        CallId { caller: self.caller, callback: self.callback }
    }

    /// Whether the call waits for its response without a deadline.
    pub fn is_unbounded_wait(&self) -> bool {
        self.deadline.is_none()
    }
}

/// The content of a call: what the caller passes to the callee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallContent {
    /// The name of the method.
    pub method: String,
    /// The argument of the method.
    #[serde(with = "serde_bytes")]
    pub argument: Payload,
    /// The attached cycles.
    pub cycles: Cycles,
}

impl CallContent {
    /// The size in bytes, as it counts for limits and fees.
    pub fn bytes(&self) -> usize {
        self.method.len() + self.argument.len()
    }
}

/// A call on its way from one canister to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The header of the call.
    pub header: CallHeader,
    /// The content of the call.
    pub content: CallContent,
}

impl Request {
    /// The id of the call that this request makes.
    pub fn call(&self) -> CallId {
        self.header.id()
    }

    /// The size in bytes, as it counts for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        self.content.bytes()
    }

    /// The memory that the request takes while it waits, in bytes.
    pub fn counted_bytes(&self) -> u64 {
        self.payload_bytes() as u64 + REQUEST_OVERHEAD_BYTES
    }

    /// The bytes that an unbounded-wait request takes beyond the memory reserved for its response.
    pub fn excess_bytes(&self) -> u64 {
        match self.header.deadline {
            None => self.counted_bytes().saturating_sub(RESPONSE_RESERVATION_BYTES),
            Some(_) => 0,
        }
    }

    /// The response that rejects this request and returns all its cycles.
    pub fn rejected(&self, reject: Reject) -> Response {
        self.response(Err(reject), self.content.cycles)
    }

    /// The response to this request that returns `refund` of its cycles.
    pub fn response(&self, result: Result<Payload, Reject>, refund: Cycles) -> Response {
        Response { header: self.header, refund, result: result.map_err(Reject::shortened) }
    }
}

/// The response to a request. Every request gets exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The header of the call.
    pub header: CallHeader,
    /// The attached cycles that were not accepted.
    pub refund: Cycles,
    /// A reply or a reject.
    #[serde(with = "crate::types::encoding::call_result")]
    pub result: Result<Payload, Reject>,
}

impl Response {
    /// The id of the call that this is the response to.
    pub fn call(&self) -> CallId {
        self.header.id()
    }

    /// The trace event for making this response.
    pub(crate) fn made(&self, by: Responder) -> Event {
        let reject = self.result.as_ref().err().map(|reject| reject.code);
        Event::Responded { call: self.call(), by, reject, refund: self.refund }
    }

    /// The size in bytes, as it counts for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        match &self.result {
            Ok(reply) => reply.len(),
            Err(reject) => REJECT_CODE_BYTES + reject.message.len(),
        }
    }

    /// The memory that the response takes while it waits, in bytes. If the deadline of a call has passed,
    /// the system stores that fact and not a response.
    pub fn counted_bytes(&self) -> u64 {
        match &self.result {
            Err(reject) if reject.code == RejectCode::SysUnknown => 0,
            _ => self.payload_bytes() as u64 + RESPONSE_OVERHEAD_BYTES,
        }
    }
}

/// A message between canisters. Boxed, because it goes through several queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A call.
    Request(Box<Request>),
    /// The response to a call.
    Response(Box<Response>),
}

impl Message {
    /// The header of the call that the message belongs to.
    pub fn header(&self) -> &CallHeader {
        match self {
            Self::Request(request) => &request.header,
            Self::Response(response) => &response.header,
        }
    }

    /// The id of the call that the message belongs to.
    pub fn call(&self) -> CallId {
        self.header().id()
    }

    /// The cycles that the message carries.
    pub fn cycles(&self) -> Cycles {
        match self {
            Self::Request(request) => request.content.cycles,
            Self::Response(response) => response.refund,
        }
    }

    /// Who gets the message.
    pub fn receiver(&self) -> Callee {
        match self {
            Self::Request(request) => request.header.callee,
            Self::Response(response) => response.header.caller.into(),
        }
    }

    /// Who sent the message.
    pub fn sender(&self) -> Callee {
        match self {
            Self::Request(request) => request.header.caller.into(),
            Self::Response(response) => response.header.callee,
        }
    }

    /// The size in bytes, as it counts for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Request(request) => request.payload_bytes(),
            Self::Response(response) => response.payload_bytes(),
        }
    }

    /// When the caller stops waiting. None, for an unbounded-wait call.
    pub fn deadline(&self) -> Option<Time> {
        self.header().deadline
    }
}

/// The cycles of a dropped message, on their way back to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Who gets the cycles.
    pub recipient: CanisterId,
    /// The amount.
    pub cycles: Cycles,
}

/// A message in a stream between subnets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamMessage {
    /// A message between canisters.
    Message(Message),
    /// A refund to a canister. It takes no place in a queue and gets no response.
    Refund(Refund),
}

impl StreamMessage {
    /// The size in bytes, as it counts for the limits of streams.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.payload_bytes(),
            Self::Refund(_) => REFUND_BYTES,
        }
    }
}

/// Information about a user, signed by a canister. It travels with the user's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerInfo {
    /// The information.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
    /// The canister that signed it.
    pub signer: CanisterId,
}

/// An ingress message: a call from a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// The id by which the sender asks for the status of the message.
    pub id: MessageId,
    /// Who calls.
    pub sender: Principal,
    /// Information about the sender, if any was sent along.
    #[serde(with = "crate::types::encoding::shared_option")]
    pub caller_info: Option<Arc<CallerInfo>>,
    /// Who is called.
    pub receiver: CanisterId,
    /// The resolved call, if the management canister is called.
    pub management: Option<ManagementCall>,
    /// The method.
    pub method: String,
    /// The argument.
    #[serde(with = "serde_bytes")]
    pub argument: Payload,
    /// When the message is dropped if it was not executed before.
    pub expiry: Time,
    /// The size in bytes of the envelope that the message comes in. It determines the price of taking the
    /// message in.
    pub envelope_bytes: usize,
}

impl Ingress {
    /// The canister that the message is for: the one that is called or, for a management call, the
    /// existing canister that the call is about.
    pub fn effective_canister(&self) -> Option<CanisterId> {
        match &self.management {
            Some(call) => call.canister(),
            None => Some(self.receiver),
        }
    }

    /// The size in bytes, as it counts for the limits of messages and blocks: the envelope and the id
    /// (`types/types/src/messages/ingress_messages.rs`, `count_bytes`, in the replica's repository).
    pub fn counted_bytes(&self) -> usize {
        self.envelope_bytes + MESSAGE_ID_BYTES
    }
}
