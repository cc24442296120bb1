//! The beginning of a round: expired messages are removed, and messages from streams are taken in.

use crate::error::{ErrorCode, Reject};
use crate::message::{Message, Response, StreamMessage};
use crate::routing::is_ic00;
use crate::subnet::{Incoming, PendingCall, Router, Subnet};
use crate::trace::{Drop, Event, Responder};
use crate::types::Time;

impl Subnet {
    /// Removes expired messages from all queues, and rejects the calls whose deadline has passed.
    pub(super) fn time_out(&mut self) {
        let now = self.time.floor_to_seconds();
        let mut rejects = Vec::new();
        self.canisters.for_each_awake(|canister| {
            let timed_out = canister.queues.time_out(now);
            for reject in timed_out.rejects {
                self.trace.record(|| reject.made(Responder::Routing));
                canister.contexts.settle(&reject.header);
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
            for header in canister.contexts.expire(now) {
                let response = Response {
                    header,
                    refund: 0,
                    result: Err(Reject::from_code(
                        ErrorCode::DeadlineExpired,
                        "Call deadline has expired: whether it was executed is unknown",
                    )),
                };
                self.trace.record(|| response.made(Responder::Deadline));
                rejects.push(response);
            }
        });
        for response in rejects {
            self.push_response(response);
        }
        self.time_out_management(now);
    }

    /// Removes the expired requests that wait for the management canister, and its expired responses.
    fn time_out_management(&mut self, now: Time) {
        let has_expired = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline < now);
        let requests = self.management_calls.extract(|pending| {
            pending.request().is_some_and(|(header, _)| has_expired(header.deadline))
        });
        let requests = requests.iter().filter_map(PendingCall::request);
        let mut dropped: Vec<_> =
            requests.map(|(header, cycles)| (header.id(), Drop::Request, cycles)).collect();
        for responses in self.responses.values_mut() {
            responses.retain(|response| {
                let is_kept = !has_expired(response.header.deadline);
                let what = (response.call(), Drop::Response, response.refund);
                dropped.extend((!is_kept).then_some(what));
                is_kept
            });
        }
        self.responses.retain(|_, responses| !responses.is_empty());
        for (call, what, cycles) in dropped {
            self.trace.record(|| Event::Dropped { call, what, cycles, credited: false });
            self.refunds.add(call.caller, cycles);
        }
    }

    /// Takes in the messages that arrived by streams: first those of the subnet's own loopback stream,
    /// then the rejects of requests it had sent to other subnets, then the messages of other subnets.
    /// Rejects of loopback messages are delivered after all loopback messages.
    pub(super) fn induct_streams(&mut self, incoming: Incoming, router: &mut impl Router) {
        let mut rejects = Vec::new();
        for message in std::mem::take(&mut self.loopback) {
            rejects.extend(self.induct(message, true));
        }
        for response in rejects.into_iter().chain(incoming.rejects) {
            self.deliver_response(response, false);
        }
        for (source, messages) in incoming.slices {
            for message in messages {
                let reject = self.induct(message, false);
                router.signal(source, reject);
            }
        }
    }

    /// Takes in one message that arrived by a stream. If it is a request that cannot be delivered,
    /// returns the reject for it.
    fn induct(&mut self, message: StreamMessage, loopback: bool) -> Option<Response> {
        let message = match message {
            StreamMessage::Message(message) => message,
            StreamMessage::Refund(refund) => {
                self.induct_refund(refund);
                return None;
            }
        };
        match (self.check_delivery(&message), message) {
            (_, Message::Request(request)) if is_ic00(request.header.callee, &self.routes) => {
                self.induct_management_request(*request);
            }
            (_, Message::Request(request))
                if self.intercepted.contains(&request.header.callee.as_canister()) =>
            {
                self.trace.record(|| Event::Inducted { call: request.call() });
                self.intercepted_requests.push(*request);
            }
            (Err(reject), Message::Request(request)) => {
                let response = request.rejected(reject);
                self.trace.record(|| response.made(Responder::Routing));
                return Some(response);
            }
            (_, message) => {
                let by_subnet = loopback && is_ic00(message.sender(), &self.routes);
                self.deliver(message, by_subnet);
            }
        }
        None
    }
}
