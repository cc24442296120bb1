//! Delivery: puts messages into the input queues of the subnet's own canisters.
//!
//! Every message between canisters arrives through this module: by a stream at the beginning of a
//! round (`induct`), or directly from a canister of the same subnet in the middle of a round. The same
//! rules apply to both.
//!
//! Rules: `messaging/src/routing/stream_handler.rs`, `induct_messages_on_same_subnet` in
//! `execution_environment/src/scheduler.rs`, and `induct_messages_to_self` in
//! `replicated_state/src/canister_state/system_state.rs`, in the replica's repository.

use crate::error::{ErrorCode, Reject, UserError};
use crate::limits::{GUARANTEED_MESSAGE_MEMORY_MAX, RESPONSE_RESERVATION_BYTES};
use crate::message::{Message, Request, Response};
use crate::subnet::Subnet;
use crate::trace::{Drop, Event};
use crate::types::{Callee, CanisterId};

impl Subnet {
    /// Delivers messages from the output queues of canisters to canisters of the same subnet. For each
    /// sender, messages to itself come first. A message that cannot be delivered stays in its output
    /// queue, and leaves by the loopback stream at the end of the round. So does every message of a
    /// canister to itself while the canister is stopping.
    pub(super) fn deliver_within_subnet(&mut self) {
        for sender in self.senders() {
            let mut receivers = self.canisters[&sender].queues.output_peers();
            receivers.sort_by_key(|receiver| *receiver != Callee::from(sender));
            for receiver in receivers {
                while let Some(message) = self.pop_deliverable(sender, receiver) {
                    self.deliver(message, false);
                }
            }
        }
    }

    /// The canisters with messages in their output queues, in the order of their ids.
    pub(super) fn senders(&self) -> Vec<CanisterId> {
        let waiting = self.canisters.awake().filter(|canister| canister.queues.has_output());
        waiting.map(|canister| canister.id).collect()
    }

    /// Takes the next message out of an output queue, if it can be delivered.
    fn pop_deliverable(&mut self, sender: CanisterId, receiver: Callee) -> Option<Message> {
        let canister = &self.canisters[&sender];
        if receiver == Callee::from(sender) {
            canister.check_running().ok()?;
        }
        let next = canister.queues.peek_output(receiver)?;
        self.check_delivery(next).ok()?;
        self.canisters.get_mut(&sender)?.queues.pop_output(receiver)
    }

    /// Checks that a canister of this subnet can take the message now.
    ///
    /// # Errors
    ///
    /// The reject that the sender of a request gets. If the receiver of a response does not exist, the
    /// reject is not sent: [`deliver`](Self::deliver) drops the response.
    pub(super) fn check_delivery(&self, message: &Message) -> Result<(), Reject> {
        let refused = |error: UserError| Reject::from_code(error.code, error.description);
        let id = message.receiver().as_canister();
        let receiver = self.existing(id).map_err(refused)?;
        let Message::Request(request) = message else { return Ok(()) };
        receiver.check_running().map_err(refused)?;
        // On system subnets, messages within the subnet are not limited.
        let is_limited =
            !(self.config.system && self.canisters.contains_key(&request.header.caller));
        if request.header.is_unbounded_wait()
            && is_limited
            && self.guaranteed_bytes() + RESPONSE_RESERVATION_BYTES + request.excess_bytes()
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

    /// Puts a message into the input queue of its receiver. A request must have passed
    /// [`check_delivery`](Self::check_delivery). `by_subnet` is true if the subnet itself made the
    /// message, which then counts as local.
    pub(super) fn deliver(&mut self, message: Message, by_subnet: bool) {
        match message {
            Message::Request(request) => self.deliver_request(request),
            Message::Response(response) => self.deliver_response(response, by_subnet),
        }
    }

    fn deliver_request(&mut self, request: Request) {
        self.trace.record(|| Event::Inducted { call: request.call() });
        let local = self.canisters.contains_key(&request.header.caller);
        let receiver = self.canisters.get_mut(&request.header.callee.as_canister());
        receiver.expect("delivery was checked").queues.push_input_request(request, local);
    }

    /// Delivers a response. If the caller no longer waits, the response is dropped and the caller gets
    /// the refund. If the caller does not exist, the refund is lost.
    pub(super) fn deliver_response(&mut self, response: Response, by_subnet: bool) {
        let call = response.call();
        let late = |credited| {
            let cycles = response.refund;
            Event::Dropped { call, what: Drop::Late, cycles, credited }
        };
        let Some(canister) = self.canisters.get_mut(&response.header.caller) else {
            return self.trace.record(|| late(false));
        };
        if canister.contexts.awaits(response.header.callback) {
            canister.contexts.settle(&response.header);
            self.push_response(response, by_subnet);
        } else {
            canister.credit(response.refund);
            self.trace.record(|| late(true));
        }
    }

    /// Puts a response into the input queue of its caller, whose callback is settled already.
    pub(super) fn push_response(&mut self, response: Response, by_subnet: bool) {
        let local = by_subnet || self.canisters.contains_key(&response.header.callee.as_canister());
        let Some(canister) = self.canisters.get_mut(&response.header.caller) else { return };
        self.trace.record(|| Event::Returned { call: response.call() });
        canister.queues.push_input_response(response, local);
    }
}
