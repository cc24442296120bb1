//! The end of a round: what canisters sent goes into streams.

use crate::error::{ErrorCode, Reject};
use crate::ic00;
use crate::limits::REQUEST_BYTES_MAX_REMOTE;
use crate::message::{Message, Request};
use crate::subnet::{Router, Subnet};
use crate::trace::{Drop, Event, Responder};
use crate::types::{CanisterId, SubnetId};

impl Subnet {
    /// Moves everything from output queues into streams: the loopback stream for the subnet's own
    /// canisters, other streams for others. What does not fit stays.
    pub(super) fn route(&mut self, router: &mut impl Router) {
        for response in std::mem::take(&mut self.responses) {
            let destination = self.routes.subnet_of(response.originator);
            if self.has_room(router, destination) {
                self.put(router, destination, Message::Response(response));
            } else {
                self.responses.push(response);
            }
        }
        for sender in self.senders() {
            for peer in self.canisters[&sender].queues.output_peers() {
                while self.route_one(sender, peer, router) {}
            }
        }
    }

    /// Routes the next message of a queue; no more, once the queue is empty or has to wait.
    fn route_one(
        &mut self,
        sender: CanisterId,
        peer: CanisterId,
        router: &mut impl Router,
    ) -> bool {
        let Some(message) = self.canisters[&sender].queues.peek_output(peer) else { return false };
        let destination = match message {
            Message::Request(request) => self.destination(request),
            Message::Response(response) => self.routes.subnet_of(response.originator),
        };
        let refusal = match message {
            Message::Request(request) => self.refusal(request, destination),
            Message::Response(_) => None,
        };
        if let Some(reject) = refusal {
            let queues = &mut self.canisters.get_mut(&sender).expect("it is here").queues;
            if let Some(Message::Request(request)) = queues.pop_output(peer) {
                let response = request.rejected(reject);
                self.trace.tell(|| response.made(Responder::Routing));
                self.induct_response(response);
            }
            return true;
        }
        if !self.has_room(router, destination) {
            return false;
        }
        let queues = &mut self.canisters.get_mut(&sender).expect("it is here").queues;
        if let Some(message) = queues.pop_output(peer) {
            self.put(router, destination, message);
        }
        true
    }

    /// Whether a message can leave for `destination` now.
    fn has_room(&self, router: &impl Router, destination: Option<SubnetId>) -> bool {
        destination.is_none_or(|subnet| subnet == self.config.id || router.has_room(subnet))
    }

    /// Puts a message into the stream to `destination`.
    fn put(&mut self, router: &mut impl Router, destination: Option<SubnetId>, message: Message) {
        match destination {
            Some(subnet) if subnet == self.config.id => self.loopback.push_back(message),
            Some(subnet) => router.send(subnet, message),
            // A response to a canister that no subnet hosts has nowhere to go.
            None => self.trace.tell(|| Event::Dropped {
                call: message.call(),
                what: Drop::Response,
                cycles: message.cycles(),
                credited: false,
            }),
        }
    }

    /// The subnet a request goes to.
    fn destination(&self, request: &Request) -> Option<SubnetId> {
        if ic00::is_ic00(request.receiver, &self.routes) {
            ic00::destination(request, self.config.id, &self.routes).ok()
        } else {
            self.routes.subnet_of(request.receiver)
        }
    }

    /// Why a request cannot be routed at all.
    fn refusal(&self, request: &Request, destination: Option<SubnetId>) -> Option<Reject> {
        let Some(destination) = destination else {
            let text = format!("No route to canister {}", request.receiver);
            return Some(Reject::routing(ErrorCode::CanisterNotFound, text));
        };
        let bytes = request.payload_bytes();
        (destination != self.config.id && bytes > REQUEST_BYTES_MAX_REMOTE).then(|| {
            let text = format!(
                "Request to canister {} has {bytes} bytes, more than the {REQUEST_BYTES_MAX_REMOTE} \
                 that may go to another subnet",
                request.receiver
            );
            Reject::routing(ErrorCode::CanisterContractViolation, text)
        })
    }
}
