//! The beginning of a round: what is too late goes, what has arrived gets into queues.

use crate::error::{ErrorCode, Reject, UserError};
use crate::ic00;
use crate::limits::{GUARANTEED_MESSAGE_MEMORY_MAX, RESPONSE_RESERVATION_BYTES};
use crate::message::{Message, Request, Response, StreamMessage};
use crate::subnet::{Incoming, Router, Subnet};
use crate::trace::{Drop, Event, Responder};

impl Subnet {
    /// Removes expired messages from all queues and rejects calls whose deadline has passed.
    pub(super) fn time_out(&mut self) {
        let now = self.time.floor_to_seconds();
        let mut rejects = Vec::new();
        for canister in self.canisters.values_mut() {
            let timed_out = canister.queues.time_out(now);
            for reject in timed_out.rejects {
                self.trace.record(|| reject.made(Responder::Routing));
                canister.contexts.settle(reject.callback, reject.deadline);
                rejects.push(reject);
            }
            for message in timed_out.dropped {
                let what = match message {
                    Message::Request(_) => Drop::Request,
                    Message::Response(_) => Drop::Response,
                };
                let (call, cycles) = (message.call(), message.cycles());
                self.trace.record(|| Event::Dropped { call, what, cycles, credited: false });
                self.refunds.add(call.caller, cycles);
            }
            for (id, callback) in canister.contexts.expire(now) {
                let response = Response {
                    originator: canister.id,
                    respondent: callback.callee,
                    callback: id,
                    refund: 0,
                    deadline: callback.deadline,
                    result: Err(Reject::routing(
                        ErrorCode::DeadlineExpired,
                        "Call deadline has expired: whether it was executed is unknown",
                    )),
                };
                self.trace.record(|| response.made(Responder::Deadline));
                rejects.push(response);
            }
        }
        for response in rejects {
            self.push_response(response, false);
        }
    }

    /// Takes in what came by streams: its own loopback stream first, then rejects of what it sent
    /// to other subnets, then what they sent. Rejects of a stream come after its messages.
    pub(super) fn induct_streams(&mut self, incoming: Incoming, router: &mut impl Router) {
        let mut rejects = Vec::new();
        for message in std::mem::take(&mut self.loopback) {
            rejects.extend(self.induct(message, true));
        }
        for response in rejects.into_iter().chain(incoming.rejects) {
            self.induct_response(response, false);
        }
        for (source, messages) in incoming.slices {
            for message in messages {
                let reject = self.induct(message, false);
                router.signal(source, reject);
            }
        }
    }

    /// Puts a message that arrived by a stream into a queue, or returns the reject for it.
    fn induct(&mut self, message: StreamMessage, loopback: bool) -> Option<Response> {
        let message = match message {
            StreamMessage::Message(message) => message,
            StreamMessage::Refund(refund) => {
                self.induct_refund(refund);
                return None;
            }
        };
        match message {
            Message::Request(request) if ic00::is_ic00(request.receiver, &self.routes) => {
                self.induct_management_request(request);
            }
            Message::Request(request)
                if self.answered_for.contains(&request.receiver.as_canister()) =>
            {
                self.trace.record(|| Event::Inducted { call: request.call() });
                self.calls_answered_for.push(request);
            }
            Message::Request(request) => match self.check_induction(&request) {
                Ok(()) => self.push_request(request),
                Err(reject) => {
                    let response = request.rejected(reject);
                    self.trace.record(|| response.made(Responder::Routing));
                    return Some(response);
                }
            },
            Message::Response(response) => {
                let by_subnet = loopback && ic00::is_ic00(response.respondent, &self.routes);
                self.induct_response(response, by_subnet);
            }
        }
        None
    }

    /// Whether the receiver can take the request.
    pub(super) fn check_induction(&self, request: &Request) -> Result<(), Reject> {
        let routing = |error: UserError| Reject::routing(error.code, error.description);
        let id = request.receiver.as_canister();
        let receiver =
            self.canisters.get(&id).ok_or_else(|| routing(UserError::canister_not_found(id)))?;
        receiver.check_running().map_err(routing)?;
        if request.deadline.is_none()
            && self.guaranteed_bytes() + RESPONSE_RESERVATION_BYTES > GUARANTEED_MESSAGE_MEMORY_MAX
        {
            let text = "Cannot induct the request: the subnet is out of memory for messages";
            return Err(Reject::routing(ErrorCode::CanisterOutOfMemory, text));
        }
        let minimum = receiver.settings.minimum_incoming_canister_call_cycles;
        if request.cycles < minimum && request.sender != id {
            let text = format!(
                "Canister {id} takes calls with at least {minimum} cycles attached, not {}",
                request.cycles
            );
            return Err(Reject::routing(ErrorCode::InsufficientCyclesInCall, text));
        }
        if !receiver.queues.has_room_for_request(request.sender) {
            let text = format!("Canister {id} input queue is full");
            return Err(Reject::routing(ErrorCode::CanisterQueueFull, text));
        }
        Ok(())
    }

    /// Puts a request into the queue of its receiver, which can take it.
    pub(super) fn push_request(&mut self, request: Request) {
        self.trace.record(|| Event::Inducted { call: request.call() });
        let local = self.canisters.contains_key(&request.sender);
        let receiver = self.canisters.get_mut(&request.receiver.as_canister());
        let receiver = receiver.expect("induction was checked");
        receiver.queues.push_input_request(request, local);
    }

    /// Puts a response into its queue, unless nobody waits for it any more; then only its refund
    /// counts. Tells whether this subnet itself responded.
    pub(super) fn induct_response(&mut self, response: Response, by_subnet: bool) {
        let call = response.call();
        let late = |credited| {
            let cycles = response.refund;
            Event::Dropped { call, what: Drop::Late, cycles, credited }
        };
        let Some(canister) = self.canisters.get_mut(&response.originator) else {
            return self.trace.record(|| late(false));
        };
        if canister.contexts.awaits(response.callback) {
            canister.contexts.settle(response.callback, response.deadline);
            self.push_response(response, by_subnet);
        } else {
            canister.credit(response.refund);
            self.trace.record(|| late(true));
        }
    }

    /// Puts a response that is awaited into its queue.
    fn push_response(&mut self, response: Response, by_subnet: bool) {
        let local = by_subnet || self.canisters.contains_key(&response.respondent.as_canister());
        let Some(canister) = self.canisters.get_mut(&response.originator) else { return };
        self.trace.record(|| Event::Returned { call: response.call() });
        canister.queues.push_input_response(response, local);
    }
}
