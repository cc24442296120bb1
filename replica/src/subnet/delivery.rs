//! Delivery: puts messages into the input queues of the subnet's own canisters.
//!
//! Every message between canisters arrives through this module: by a stream at the beginning of a
//! round (`induct`), or directly from a canister of the same subnet in the middle of a round. The same
//! rules apply to both.
//!
//! Rules: `messaging/src/routing/stream_handler.rs`, `induct_messages_on_same_subnet` in
//! `execution_environment/src/scheduler.rs`, and `induct_messages_to_self` in
//! `replicated_state/src/canister_state/system_state.rs`, in the replica's repository.

use crate::canister::{Canister, Status};
use crate::error::{ErrorCode, Reject, UserError};
use crate::limits::{GUARANTEED_MESSAGE_MEMORY_MAX, RESPONSE_RESERVATION_BYTES};
use crate::message::{Message, Request, Response};
use crate::queues::{Queued, Sent};
use crate::subnet::{Subnet, SubnetConfig};
use crate::trace::{Drop, Event, Trace};
use crate::types::CanisterId;

/// Checks that a canister can take in the request of a canister now. The caller is on the same subnet if `is_local` is
/// true. `guaranteed_bytes` returns the bytes that unbounded-wait calls of all canisters of the subnet take.
///
/// # Errors
///
/// The reject that the sender of the request gets.
fn check_request(
    receiver: &Canister,
    request: &Request,
    is_local: bool,
    guaranteed_bytes: impl FnOnce() -> u64,
    config: &SubnetConfig,
) -> Result<(), Reject> {
    let refused = |error: UserError| Reject::from_code(error.code, error.description);
    receiver.check_running().map_err(refused)?;
    let id = receiver.id;
    // On system subnets, messages within the subnet are not limited.
    let is_limited = !(config.system && is_local);
    if request.header.is_unbounded_wait()
        && is_limited
        && guaranteed_bytes() + RESPONSE_RESERVATION_BYTES + request.excess_bytes()
            > GUARANTEED_MESSAGE_MEMORY_MAX
    {
        let text = "Cannot induct the request: the subnet is out of memory for messages";
        return Err(Reject::from_code(ErrorCode::CanisterOutOfMemory, text));
    }
    let minimum = receiver.settings.minimum_incoming_canister_call_cycles;
    if request.content.cycles < minimum && request.header.caller != id {
        let text = format!(
            "Canister {id} takes calls with at least {minimum} cycles attached, not {}",
            request.content.cycles
        );
        return Err(Reject::from_code(ErrorCode::InsufficientCyclesInCall, text));
    }
    if !receiver.queues.has_room_for_request(request.header.caller) {
        let text = format!("Canister {id} input queue is full");
        return Err(Reject::from_code(ErrorCode::CanisterQueueFull, text));
    }
    Ok(())
}

/// Puts a request into the input queue of its receiver, which has passed [`check_request`].
fn take_in_request(trace: &Trace, receiver: &mut Canister, request: Box<Request>, is_local: bool) {
    trace.record(|| Event::Inducted { call: request.call() });
    receiver.queues.push_input_request(request, is_local);
}

/// Puts a response into the input queue of its caller. If the caller no longer waits, the response is dropped and the
/// caller gets the refund.
fn take_in_response(trace: &Trace, caller: &mut Canister, response: Box<Response>, is_local: bool) {
    if caller.contexts.settle(&response.header) {
        take_in_settled(trace, caller, response, is_local);
    } else {
        caller.credit(response.refund);
        trace.record(|| late(&response, true));
    }
}

/// Puts a response whose callback is settled into the input queue of its caller.
fn take_in_settled(trace: &Trace, caller: &mut Canister, response: Box<Response>, is_local: bool) {
    trace.record(|| Event::Returned { call: response.call() });
    caller.queues.push_input_response(response, is_local);
}

/// The event of a response that comes too late. Its refund is credited, or lost.
fn late(response: &Response, credited: bool) -> Event {
    let (call, cycles) = (response.call(), response.refund);
    Event::Dropped { call, what: Drop::Late, cycles, credited }
}

impl Subnet {
    /// Delivers messages from the output queues of these canisters to canisters of the same subnet. The canisters must
    /// be in the order of their ids. For each sender, messages to itself come first. A message that cannot be
    /// delivered stays in its output queue, and leaves by the loopback stream at the end of the round. So does every
    /// message of a canister to itself while the canister is stopping. `guaranteed_bytes` is the number of bytes that
    /// unbounded-wait calls of all canisters take. It is updated. Adds the receivers of messages to `receivers`.
    pub(super) fn deliver_within_subnet(
        &mut self,
        senders: &[CanisterId],
        guaranteed_bytes: &mut u64,
        receivers: &mut Vec<CanisterId>,
    ) {
        for sender in senders {
            let Some(canister) = self.canisters.get_mut(sender) else { continue };
            if !canister.queues.has_output() {
                continue;
            }
            let is_running = canister.status == Status::Running;
            let mut sending = canister.queues.begin_sending(*sender);
            let mut next = canister.queues.send_next(&mut sending);
            while let Some(Sent { receiver, queued, guaranteed_bytes: bytes }) = next {
                let stays = receiver == *sender && !is_running;
                let refused = match stays {
                    true => Err(queued),
                    false => self.deliver_to(receiver.as_canister(), queued, guaranteed_bytes),
                };
                let canister = self.canisters.get_mut(sender).expect("it is there");
                match refused {
                    Ok(()) => {
                        *guaranteed_bytes -= bytes;
                        receivers.push(receiver.as_canister());
                    }
                    Err(queued) => canister.queues.put_back(receiver, queued, &mut sending),
                }
                next = canister.queues.send_next(&mut sending);
            }
        }
    }

    /// Delivers a message of a canister of this subnet. The message is returned if it cannot be delivered.
    /// `guaranteed_bytes` is the number of bytes that unbounded-wait calls of all canisters take, with the bytes that
    /// the message took in its output queue. What it takes in its input queue is added.
    fn deliver_to(
        &mut self,
        receiver: CanisterId,
        queued: Queued,
        guaranteed_bytes: &mut u64,
    ) -> Result<(), Queued> {
        let Some(receiver) = self.canisters.get_mut(&receiver) else { return Err(queued) };
        if let Message::Request(request) = &queued.message
            && check_request(receiver, request, true, || *guaranteed_bytes, &self.config).is_err()
        {
            return Err(queued);
        }
        let before = receiver.queues.guaranteed_bytes();
        match queued.message {
            Message::Request(request) => take_in_request(&self.trace, receiver, request, true),
            Message::Response(response) => take_in_response(&self.trace, receiver, response, true),
        }
        *guaranteed_bytes = *guaranteed_bytes - before + receiver.queues.guaranteed_bytes();
        Ok(())
    }

    /// The canisters with messages in their output queues, in the order of their ids.
    pub(super) fn senders(&self) -> Vec<CanisterId> {
        let waiting = self.canisters.awake().filter(|canister| canister.queues.has_output());
        waiting.map(|canister| canister.id).collect()
    }

    /// Checks that a canister of this subnet can take the message now.
    ///
    /// # Errors
    ///
    /// The reject that the sender of a request gets. If the receiver of a response does not exist, the
    /// reject is not sent: [`deliver`](Self::deliver) drops the response.
    pub(super) fn check_delivery(&self, message: &Message) -> Result<(), Reject> {
        let refused = |error: UserError| Reject::from_code(error.code, error.description);
        let receiver = self.existing(message.receiver().as_canister()).map_err(refused)?;
        let Message::Request(request) = message else { return Ok(()) };
        let is_local = self.canisters.contains_key(&request.header.caller);
        check_request(receiver, request, is_local, || self.guaranteed_bytes(), &self.config)
    }

    /// Puts a message into the input queue of its receiver. A request must have passed
    /// [`check_delivery`](Self::check_delivery). `by_subnet` is true if the subnet itself made the
    /// message, which then counts as local.
    pub(super) fn deliver(&mut self, message: Message, by_subnet: bool) {
        match message {
            Message::Request(request) => {
                let is_local = self.canisters.contains_key(&request.header.caller);
                let receiver = self.canisters.get_mut(&request.header.callee.as_canister());
                let receiver = receiver.expect("delivery was checked");
                take_in_request(&self.trace, receiver, request, is_local);
            }
            Message::Response(response) => self.deliver_response(response, by_subnet),
        }
    }

    /// Delivers a response. If the caller no longer waits, the response is dropped and the caller gets
    /// the refund. If the caller does not exist, the refund is lost.
    pub(super) fn deliver_response(&mut self, response: impl Into<Box<Response>>, by_subnet: bool) {
        let response = response.into();
        let is_local = by_subnet || self.is_from_here(&response);
        match self.canisters.get_mut(&response.header.caller) {
            Some(caller) => take_in_response(&self.trace, caller, response, is_local),
            None => self.trace.record(|| late(&response, false)),
        }
    }

    /// Puts a response of this subnet into the input queue of its caller, whose callback is settled already.
    pub(super) fn push_response(&mut self, response: Response) {
        let is_local = self.is_from_here(&response);
        if let Some(caller) = self.canisters.get_mut(&response.header.caller) {
            take_in_settled(&self.trace, caller, response.into(), is_local);
        }
    }

    fn is_from_here(&self, response: &Response) -> bool {
        self.canisters.contains_key(&response.header.callee.as_canister())
    }
}
