//! Messages: requests and responses between canisters, refunds, and ingress messages from users.

use crate::error::Reject;
use crate::ic00::ManagementCall;
use crate::limits::{INGRESS_ENVELOPE_BYTES, REFUND_BYTES, RESPONSE_RESERVATION_BYTES};
use crate::trace::{CallId, Event, Responder};
use crate::types::{CallbackId, Callee, CanisterId, Cycles, MessageId, Payload, Time};
use candid::Principal;
use std::sync::Arc;

/// A call on its way from one canister to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who calls.
    pub sender: CanisterId,
    /// Who is called.
    pub receiver: Callee,
    /// The method.
    pub method: String,
    /// The argument.
    pub argument: Payload,
    /// The attached cycles.
    pub cycles: Cycles,
    /// The sender's callback for the response.
    pub callback: CallbackId,
    /// When the sender stops waiting. None, for an unbounded-wait call.
    pub deadline: Option<Time>,
}

impl Request {
    /// The call that this request makes.
    pub fn call(&self) -> CallId {
        CallId { caller: self.sender, callback: self.callback }
    }

    /// The size in bytes, as it counts for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        self.method.len() + self.argument.len()
    }

    /// The bytes that an unbounded-wait request takes beyond the memory reserved for its response.
    pub fn excess_bytes(&self) -> u64 {
        match self.deadline {
            None => (self.payload_bytes() as u64).saturating_sub(RESPONSE_RESERVATION_BYTES),
            Some(_) => 0,
        }
    }

    /// The response that rejects this request and returns all its cycles.
    pub fn rejected(&self, reject: Reject) -> Response {
        self.response(Err(reject), self.cycles)
    }

    /// The response to this request that returns `refund` of its cycles.
    pub fn response(&self, result: Result<Payload, Reject>, refund: Cycles) -> Response {
        Response {
            originator: self.sender,
            respondent: self.receiver,
            callback: self.callback,
            refund,
            deadline: self.deadline,
            result: result.map_err(Reject::shortened),
        }
    }
}

/// The response to a request. Every request gets exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Who made the call, and gets this response.
    pub originator: CanisterId,
    /// Who was called.
    pub respondent: Callee,
    /// The originator's callback.
    pub callback: CallbackId,
    /// The attached cycles that were not accepted.
    pub refund: Cycles,
    /// The deadline of the request.
    pub deadline: Option<Time>,
    /// A reply or a reject.
    pub result: Result<Payload, Reject>,
}

impl Response {
    /// The call that this is the response to.
    pub fn call(&self) -> CallId {
        CallId { caller: self.originator, callback: self.callback }
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
            Err(reject) => reject.message.len(),
        }
    }
}

/// A message between canisters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A call.
    Request(Request),
    /// The response to a call.
    Response(Response),
}

impl Message {
    /// The call that the message belongs to.
    pub fn call(&self) -> CallId {
        match self {
            Self::Request(request) => request.call(),
            Self::Response(response) => response.call(),
        }
    }

    /// The cycles that the message carries.
    pub fn cycles(&self) -> Cycles {
        match self {
            Self::Request(request) => request.cycles,
            Self::Response(response) => response.refund,
        }
    }

    /// Who gets the message.
    pub fn receiver(&self) -> Callee {
        match self {
            Self::Request(request) => request.receiver,
            Self::Response(response) => response.originator.into(),
        }
    }

    /// Who sent the message.
    pub fn sender(&self) -> Callee {
        match self {
            Self::Request(request) => request.sender.into(),
            Self::Response(response) => response.respondent,
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
        match self {
            Self::Request(request) => request.deadline,
            Self::Response(response) => response.deadline,
        }
    }
}

/// The cycles of a dropped message, on their way back to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Who gets the cycles.
    pub recipient: CanisterId,
    /// The amount.
    pub cycles: Cycles,
}

/// A message in a stream between subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerInfo {
    /// The information.
    pub data: Vec<u8>,
    /// The canister that signed it.
    pub signer: CanisterId,
}

/// An ingress message: a call from a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// The id by which the sender asks for the status of the message.
    pub id: MessageId,
    /// Who calls.
    pub sender: Principal,
    /// Information about the sender, if any was sent along.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// Who is called.
    pub receiver: CanisterId,
    /// The resolved call, if the management canister is called.
    pub management: Option<ManagementCall>,
    /// The method.
    pub method: String,
    /// The argument.
    pub argument: Payload,
    /// When the message is dropped if it was not executed before.
    pub expiry: Time,
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

    /// The size in bytes of the signed envelope in which an agent sends such a message. It determines the
    /// price of taking the message in.
    pub fn envelope_bytes(&self) -> usize {
        INGRESS_ENVELOPE_BYTES
            + self.method.len()
            + self.argument.len()
            + self.sender.as_slice().len()
            + self.receiver.as_slice().len()
            + self.caller_info.as_ref().map_or(0, |info| info.data.len())
    }
}
