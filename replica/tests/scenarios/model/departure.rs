//! The end of a round in the model: messages leave, canisters stop, and canisters pay for their resources.

use super::*;

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
    /// canister, and so on; each canister's queues take turns, too. What does not fit into a stream
    /// waits.
    pub(super) fn route(&mut self, subnet: usize) {
        self.route_refunds(subnet);
        // Whose turn it is: nobody for the management canister, and the queues of each.
        let mut turns: VecDeque<(Option<usize>, VecDeque<Principal>)> = VecDeque::new();
        turns.push_back((None, [Principal::management_canister()].into()));
        for index in self.on(subnet) {
            turns.push_back((Some(index), self.canisters[index].output.keys().copied().collect()));
        }
        let mut rejects = [Vec::new(), Vec::new()];
        while let Some((sender, mut queues)) = turns.pop_front() {
            let Some(queue) = queues.pop_front() else { continue };
            let message = match sender {
                None => self.subnets[subnet].responses.front().cloned().map(Message::Response),
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
                None => drop(self.subnets[subnet].responses.pop_front()),
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
                self.stream(subnet, home).messages.push_back((REFUND_BYTES, Some(refund)));
            } else {
                self.subnets[subnet].refunds.insert(to, cycles);
            }
        }
    }

    fn has_room(&mut self, from: usize, to: usize) -> bool {
        let messages = &self.stream(from, to).messages;
        messages.iter().map(|(bytes, _)| bytes).sum::<usize>() < STREAM_BYTES_TARGET
    }

    /// Whether the stream that the message goes into, if any, can take the message.
    fn can_leave(&mut self, subnet: usize, message: &Message) -> bool {
        let to = match message {
            Message::Response(response) => Some(self.canisters[response.caller].subnet),
            Message::Request(request) => self.destination(request.call.to),
        };
        match (to, message) {
            (None, _) => true,
            (Some(to), _) if to == subnet => true,
            (Some(_), Message::Request(request)) if request.bytes > REMOTE_BYTES_MAX => true,
            (Some(to), _) => self.has_room(subnet, to),
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
            Message::Request(request) => self.destination(request.call.to),
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
                let message = Some(Travelling::Message(message));
                self.stream(subnet, to).messages.push_back((bytes, message));
            }
            (None, Message::Response(_)) => unreachable!("all callers have a subnet"),
        }
    }

    /// The subnet a call goes to. Ids are on subnets whether or not there are such canisters.
    pub(super) fn destination(&self, to: Target) -> Option<usize> {
        let id = match to {
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
