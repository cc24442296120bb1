//! The messages that travel: requests and responses between canisters, and ingress from users.

use crate::error::Reject;
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
    /// Its argument.
    pub argument: Payload,
    /// Cycles attached.
    pub cycles: Cycles,
    /// The sender's callback for the response.
    pub callback: CallbackId,
    /// When the sender stops waiting; never, for an unbounded-wait call.
    pub deadline: Option<Time>,
}

impl Request {
    /// The call it makes.
    pub fn call(&self) -> CallId {
        CallId { caller: self.sender, callback: self.callback }
    }

    /// Bytes that count for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        self.method.len() + self.argument.len()
    }

    /// Bytes it takes beyond those that are reserved for its response, if they are.
    pub fn excess_bytes(&self) -> u64 {
        match self.deadline {
            None => (self.payload_bytes() as u64).saturating_sub(RESPONSE_RESERVATION_BYTES),
            Some(_) => 0,
        }
    }

    /// The response that turns this request down and returns its cycles.
    pub fn rejected(&self, reject: Reject) -> Response {
        self.answered(Err(reject), self.cycles)
    }

    /// The response to this request with `refund` of its cycles returned.
    pub fn answered(&self, result: Result<Payload, Reject>, refund: Cycles) -> Response {
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

/// The one response every request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Who made the call, and gets this.
    pub originator: CanisterId,
    /// Who was called.
    pub respondent: Callee,
    /// The originator's callback.
    pub callback: CallbackId,
    /// Attached cycles that were not accepted.
    pub refund: Cycles,
    /// As in the request.
    pub deadline: Option<Time>,
    /// A reply or a reject.
    pub result: Result<Payload, Reject>,
}

impl Response {
    /// The call it answers.
    pub fn call(&self) -> CallId {
        CallId { caller: self.originator, callback: self.callback }
    }

    /// What is told of it when it is made.
    pub(crate) fn made(&self, by: Responder) -> Event {
        let reject = self.result.as_ref().err().map(|reject| reject.code);
        Event::Responded { call: self.call(), by, reject, refund: self.refund }
    }

    /// Bytes that count for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        match &self.result {
            Ok(reply) => reply.len(),
            Err(reject) => reject.message.len(),
        }
    }
}

/// Anything that travels between canisters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A call.
    Request(Request),
    /// Its answer.
    Response(Response),
}

impl Message {
    /// The call it belongs to.
    pub fn call(&self) -> CallId {
        match self {
            Self::Request(request) => request.call(),
            Self::Response(response) => response.call(),
        }
    }

    /// Cycles it carries.
    pub fn cycles(&self) -> Cycles {
        match self {
            Self::Request(request) => request.cycles,
            Self::Response(response) => response.refund,
        }
    }

    /// The canister it goes to.
    pub fn receiver(&self) -> Callee {
        match self {
            Self::Request(request) => request.receiver,
            Self::Response(response) => response.originator.into(),
        }
    }

    /// The canister it comes from.
    pub fn sender(&self) -> Callee {
        match self {
            Self::Request(request) => request.sender.into(),
            Self::Response(response) => response.respondent,
        }
    }

    /// Bytes that count for limits and fees.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Request(request) => request.payload_bytes(),
            Self::Response(response) => response.payload_bytes(),
        }
    }

    /// When the caller stops waiting; never, for an unbounded-wait call.
    pub fn deadline(&self) -> Option<Time> {
        match self {
            Self::Request(request) => request.deadline,
            Self::Response(response) => response.deadline,
        }
    }
}

/// Cycles that a dropped message carried, on their way back to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Who gets them.
    pub recipient: CanisterId,
    /// How many.
    pub cycles: Cycles,
}

/// Anything that travels in streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamMessage {
    /// Between canisters.
    Message(Message),
    /// To a canister, without an answer or a place in a queue.
    Refund(Refund),
}

impl StreamMessage {
    /// Bytes that count for limits.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.payload_bytes(),
            Self::Refund(_) => REFUND_BYTES,
        }
    }
}

/// What a canister that vouches for a user says of them. It travels with the user's calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerInfo {
    /// What it says.
    pub data: Vec<u8>,
    /// The canister.
    pub signer: CanisterId,
}

/// A call from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// What its sender asks for its status by.
    pub id: MessageId,
    /// Who calls.
    pub sender: Principal,
    /// What comes along about them.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// Who is called.
    pub receiver: CanisterId,
    /// For a management call: the canister it is about, where there is one.
    pub effective_canister: Option<CanisterId>,
    /// The method.
    pub method: String,
    /// Its argument.
    pub argument: Payload,
    /// When it is dropped if nobody executed it.
    pub expiry: Time,
}

impl Ingress {
    /// Bytes of the signed envelope in which an agent would have sent it: what taking it in costs.
    pub fn envelope_bytes(&self) -> usize {
        INGRESS_ENVELOPE_BYTES
            + self.method.len()
            + self.argument.len()
            + self.sender.as_slice().len()
            + self.receiver.as_slice().len()
            + self.caller_info.as_ref().map_or(0, |info| info.data.len())
    }
}
