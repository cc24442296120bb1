//! The end of a round: messages go from output queues into streams.

use crate::error::{ErrorCode, Reject};
use crate::limits::REQUEST_BYTES_MAX_REMOTE;
use crate::message::{Message, Request, Response, StreamMessage};
use crate::routing;
use crate::subnet::{Router, Subnet};
use crate::trace::{Drop, Event, Responder};
use crate::types::{Callee, CanisterId, SubnetId, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaChaRng;
use std::collections::VecDeque;

/// A sender of messages. Senders take turns.
enum Sender {
    /// The subnet itself, with the receivers of its responses.
    Subnet(VecDeque<CanisterId>),
    /// A canister, with the receivers of its output queues.
    Canister(CanisterId, VecDeque<Callee>),
}

/// Rejects of requests that cannot be routed. Rejects of unroutable requests are delivered first.
#[derive(Default)]
struct Rejects {
    unroutable: Vec<Response>,
    oversized: Vec<Response>,
}

/// Which of the canisters that send messages comes first in a round: a random one, drawn by the generator
/// of the real replica from the time of the round (`replicated_state/src/replicated_state.rs`,
/// `OutputIterator`).
fn first_sender(now: Time, senders: usize) -> usize {
    ChaChaRng::seed_from_u64(now.as_nanos()).gen_range(0..senders.max(1))
}

impl Subnet {
    /// Moves messages from output queues into streams: into the loopback stream if the receiver is on
    /// this subnet, into the stream to its subnet otherwise. Senders take turns, the subnet first, and then
    /// the canisters, beginning with a random one; the output queues of each sender take turns; each turn
    /// is one message. Messages that do not fit stay.
    pub(super) fn route(&mut self, router: &mut impl Router) {
        self.route_refunds(router);
        let canisters = self
            .senders()
            .into_iter()
            .map(|id| Sender::Canister(id, self.canisters[&id].queues.output_peers().into()));
        let mut senders: VecDeque<Sender> = canisters.collect();
        senders.rotate_left(first_sender(self.time, senders.len()));
        if !self.responses.is_empty() {
            senders.push_front(Sender::Subnet(self.responses.keys().copied().collect()));
        }
        let mut rejects = Rejects::default();
        while let Some(mut sender) = senders.pop_front() {
            let may_have_more = match &mut sender {
                Sender::Subnet(receivers) => self.route_response(receivers, router),
                Sender::Canister(id, peers) => self.route_one(*id, peers, router, &mut rejects),
            };
            if may_have_more {
                senders.push_back(sender);
            }
        }
        for reject in rejects.unroutable.into_iter().chain(rejects.oversized) {
            self.deliver_response(reject, false);
        }
    }

    /// Routes the next response that the subnet itself made. Returns whether one was routed.
    fn route_response(
        &mut self,
        receivers: &mut VecDeque<CanisterId>,
        router: &mut impl Router,
    ) -> bool {
        while let Some(receiver) = receivers.pop_front() {
            let destination = self.routes.subnet_of(receiver);
            if !self.has_room(router, destination) {
                continue;
            }
            let Some(responses) = self.responses.get_mut(&receiver) else { continue };
            let response = responses.pop_front();
            match responses.is_empty() {
                true => _ = self.responses.remove(&receiver),
                false => receivers.push_back(receiver),
            }
            if let Some(response) = response {
                self.put(router, destination, Message::Response(response.into()));
                return true;
            }
        }
        false
    }

    /// Routes the next message of a canister's output queues. Returns whether one was routed.
    fn route_one(
        &mut self,
        sender: CanisterId,
        peers: &mut VecDeque<Callee>,
        router: &mut impl Router,
        rejects: &mut Rejects,
    ) -> bool {
        while let Some(peer) = peers.pop_front() {
            let Some(message) = self.canisters[&sender].queues.peek_output(peer) else { continue };
            let (destination, refusal) = match message {
                Message::Request(request) => {
                    let destination = routing::destination(request, self.config.id, &self.routes);
                    (destination, self.refusal(request, destination))
                }
                Message::Response(response) => {
                    (self.routes.subnet_of(response.header.caller), None)
                }
            };
            // The stream is full: this queue takes no more turns in this round.
            if refusal.is_none() && !self.has_room(router, destination) {
                continue;
            }
            peers.push_back(peer);
            let queues = &mut self.canisters.get_mut(&sender).expect("it is here").queues;
            match (queues.pop_output(peer), refusal) {
                (Some(Message::Request(request)), Some(reject)) => {
                    let response = request.rejected(reject);
                    self.trace.record(|| response.made(Responder::Routing));
                    match destination {
                        None => rejects.unroutable.push(response),
                        Some(_) => rejects.oversized.push(response),
                    }
                }
                (Some(message), _) => self.put(router, destination, message),
                (None, _) => {}
            }
            return true;
        }
        false
    }

    /// Whether the stream to `destination` takes another message.
    fn has_room(&self, router: &impl Router, destination: Option<SubnetId>) -> bool {
        destination.is_none_or(|subnet| subnet == self.config.id || router.has_room(subnet))
    }

    /// Puts a message into the stream to `destination`.
    fn put(&mut self, router: &mut impl Router, destination: Option<SubnetId>, message: Message) {
        match destination {
            Some(subnet) if subnet == self.config.id => {
                self.loopback.push_back(StreamMessage::Message(message));
            }
            Some(subnet) => router.send(subnet, StreamMessage::Message(message)),
            // A response to a canister that no subnet hosts is dropped.
            None => self.trace.record(|| Event::Dropped {
                call: message.call(),
                what: Drop::Response,
                cycles: message.cycles(),
                credited: false,
            }),
        }
    }

    /// The reject of a request that cannot be routed.
    fn refusal(&self, request: &Request, destination: Option<SubnetId>) -> Option<Reject> {
        let Some(destination) = destination else {
            let receiver = routing::addressee(request, self.config.id, &self.routes);
            let text = format!("No route to canister {receiver}");
            return Some(Reject::from_code(ErrorCode::CanisterNotFound, text));
        };
        let bytes = request.payload_bytes();
        (destination != self.config.id && bytes > REQUEST_BYTES_MAX_REMOTE).then(|| {
            let text = format!(
                "Request to canister {} has {bytes} bytes, more than the {REQUEST_BYTES_MAX_REMOTE} \
                 that may go to another subnet",
                request.header.callee
            );
            Reject::from_code(ErrorCode::CanisterContractViolation, text)
        })
    }
}
