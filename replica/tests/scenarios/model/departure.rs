//! The end of a round in the model: messages leave, canisters stop, and canisters pay for their resources.

use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaChaRng;
use std::collections::BTreeSet;

impl Model<'_> {
    /// Delivers what goes to canisters of the same subnet, to itself first.
    pub(super) fn deliver(&mut self, subnet: usize) {
        for index in self.on(subnet) {
            let canister = &self.canisters[index];
            let mut peers: Vec<Principal> = canister.output.keys().copied().collect();
            peers.sort_by_key(|peer| (*peer != canister.id, *peer));
            for peer in peers {
                if !self.is_on(subnet, peer) {
                    continue;
                }
                // A canister that does not run takes nothing from itself.
                if peer == self.canisters[index].id && self.check_running(index).is_err() {
                    continue;
                }
                while let Some((message, _)) = self.canisters[index].output[&peer].front() {
                    let undeliverable = match message {
                        Message::Request(request) => self.refusal(request).is_some(),
                        Message::Response(_) => false,
                    };
                    if undeliverable {
                        break;
                    }
                    let queue = self.canisters[index].output.get_mut(&peer);
                    match queue.and_then(VecDeque::pop_front) {
                        Some((Message::Request(request), _)) => self.push_request(request),
                        Some((Message::Response(response), _)) => self.return_response(response),
                        None => {}
                    }
                }
            }
        }
    }

    /// Sends everything that is left: one message of the management canister, then one of each
    /// canister, and so on; each one's queues take turns, too. A random canister comes first. What does not
    /// fit into a stream waits.
    pub(super) fn route(&mut self, subnet: usize) {
        self.route_refunds(subnet);
        // Whose turn it is: nobody for the management canister, and the queues of each.
        let mut turns: VecDeque<(Option<usize>, VecDeque<Principal>)> = VecDeque::new();
        for index in self.on(subnet) {
            let output = self.canisters[index].output.iter().filter(|(_, queue)| !queue.is_empty());
            let peers: VecDeque<Principal> = output.map(|(peer, _)| *peer).collect();
            if !peers.is_empty() {
                turns.push_back((Some(index), peers));
            }
        }
        let first = ChaChaRng::seed_from_u64(self.now).gen_range(0..turns.len().max(1));
        turns.rotate_left(first);
        let receivers = self.subnets[subnet].responses.iter();
        let receivers = receivers.map(|response| self.canisters[response.caller].id);
        let receivers: BTreeSet<Principal> = receivers.collect();
        turns.push_front((None, receivers.into_iter().collect()));
        let mut rejects = [Vec::new(), Vec::new()];
        while let Some((sender, mut queues)) = turns.pop_front() {
            let Some(queue) = queues.pop_front() else { continue };
            let message = match sender {
                None => self.response_to(subnet, queue).map(|(_, response)| response),
                Some(index) => {
                    let waiting = self.canisters[index].output[&queue].front();
                    waiting.map(|(message, _)| message.clone())
                }
            };
            // A queue that is empty or has to wait takes no turn any more.
            let Some(message) = message.filter(|message| self.can_leave(subnet, message)) else {
                turns.push_front((sender, queues));
                continue;
            };
            match sender {
                None => {
                    let at = self.response_to(subnet, queue).map(|(at, _)| at);
                    self.subnets[subnet].responses.remove(at.expect("it was there"));
                }
                Some(index) => {
                    let output = self.canisters[index].output.get_mut(&queue);
                    output.expect("it was there").pop_front();
                }
            }
            self.send_off(subnet, message, &mut rejects);
            queues.push_back(queue);
            turns.push_back((sender, queues));
        }
        rejects.into_iter().flatten().for_each(|response| self.return_response(response));
    }

    /// The next response of the management canister to a canister, and its place among all of them.
    fn response_to(&self, subnet: usize, receiver: Principal) -> Option<(usize, Message)> {
        let responses = &self.subnets[subnet].responses;
        let is_for_it = |response: &Response| self.canisters[response.caller].id == receiver;
        let at = responses.iter().position(is_for_it)?;
        Some((at, Message::Response(responses[at].clone())))
    }

    /// Sends off what dropped messages carried, the most first.
    fn route_refunds(&mut self, subnet: usize) {
        let mut refunds: Vec<(usize, u128)> =
            std::mem::take(&mut self.subnets[subnet].refunds).into_iter().collect();
        refunds.sort_by_key(|(to, cycles)| (std::cmp::Reverse(*cycles), self.canisters[*to].id));
        for (to, cycles) in refunds {
            let (refund, home) = (Travelling::Refund(to, cycles), self.canisters[to].subnet);
            if home == subnet {
                self.subnets[subnet].loopback.push_back(refund);
            } else if self.has_room(subnet, home) {
                let sent = Sent { bytes: REFUND_BYTES, is_refund: true, what: Some(refund) };
                self.stream(subnet, home).messages.push_back(sent);
            } else {
                self.subnets[subnet].refunds.insert(to, cycles);
            }
        }
    }

    fn has_room(&mut self, from: usize, to: usize) -> bool {
        let messages = &self.stream(from, to).messages;
        messages.iter().map(|sent| sent.bytes).sum::<usize>() < STREAM_BYTES_TARGET
    }

    /// Streams to system subnets take fewer requests and responses.
    fn has_room_for_message(&mut self, from: usize, to: usize) -> bool {
        let messages = self.stream(from, to).messages.iter().filter(|sent| !sent.is_refund);
        let is_full = messages.count() >= 2 * SYSTEM_MESSAGES_MAX;
        self.has_room(from, to) && !(is_full && self.subnets[to].facts.system)
    }

    /// Whether the stream that the message goes into, if any, can take the message.
    fn can_leave(&mut self, subnet: usize, message: &Message) -> bool {
        let to = match message {
            Message::Response(response) => Some(self.canisters[response.caller].subnet),
            Message::Request(request) => self.destination(request.caller, request.call.to),
        };
        match (to, message) {
            (None, _) => true,
            (Some(to), _) if to == subnet => true,
            (Some(_), Message::Request(request)) if request.bytes > REMOTE_BYTES_MAX => true,
            (Some(to), _) => self.has_room_for_message(subnet, to),
        }
    }

    /// Bytes that count for streams.
    fn bytes(&self, message: &Message) -> usize {
        match message {
            Message::Request(request) => request.bytes,
            // Texts of rejects do not fill a stream.
            Message::Response(response) => response.result.unwrap_or(0),
        }
    }

    fn send_off(&mut self, subnet: usize, message: Message, rejects: &mut [Vec<Response>; 2]) {
        let to = match &message {
            Message::Response(response) => Some(self.canisters[response.caller].subnet),
            Message::Request(request) => self.destination(request.caller, request.call.to),
        };
        match (to, message) {
            (None, Message::Request(request)) => {
                rejects[0].push(rejected(&request, DESTINATION_INVALID))
            }
            (Some(to), Message::Request(request))
                if to != subnet && request.bytes > REMOTE_BYTES_MAX =>
            {
                rejects[1].push(rejected(&request, CANISTER_ERROR));
            }
            (Some(to), message) if to == subnet => {
                self.subnets[subnet].loopback.push_back(Travelling::Message(message))
            }
            (Some(to), message) => {
                let bytes = self.bytes(&message);
                let what = Some(Travelling::Message(message));
                let sent = Sent { bytes, is_refund: false, what };
                self.stream(subnet, to).messages.push_back(sent);
            }
            (None, Message::Response(_)) => unreachable!("all callers have a subnet"),
        }
    }

    /// The subnet a call goes to. Ids are on subnets whether or not there are such canisters.
    pub(super) fn destination(&self, caller: usize, to: Target) -> Option<usize> {
        let id = match to {
            Target::Random => return Some(self.canisters[caller].subnet),
            Target::Deposit(to) => self.ids.beneficiary(to),
            _ => self.ids.of(to),
        };
        if id == self.ids.missing {
            return Some(0);
        }
        self.canisters.iter().find(|canister| canister.id == id).map(|canister| canister.subnet)
    }

    pub(super) fn finish_stopping(&mut self, subnet: usize) {
        for index in self.on(subnet) {
            let canister = &mut self.canisters[index];
            let Status::Stopping(waiting) = &mut canister.status else { continue };
            if canister.contexts.is_empty() {
                for (action, _) in std::mem::take(waiting) {
                    self.answers.insert(action, (self.tick, Ok(EMPTY_REPLY)));
                }
                canister.status = Status::Stopped;
                continue;
            }
            for (action, _) in waiting.extract_if(.., |(_, expiry)| *expiry <= self.now) {
                self.answers.insert(action, (self.tick, Err(206)));
            }
        }
    }

    pub(super) fn charge_for_resources(&mut self, subnet: usize) {
        for index in self.on(subnet) {
            let (charge, ruined) = self.costs.resources(self.tick, index);
            self.canisters[index].balance -= charge;
            if ruined {
                self.uninstall(index);
            }
        }
    }
}
