//! The queues of one canister: an input and an output queue for each canister that it communicates with.
//! A slot is reserved for each expected response.
//!
//! Rules: `replicated_state/src/canister_state/queues.rs` in the replica's repository. Requests and
//! responses have [`QUEUE_CAPACITY`] slots each, per peer and direction. A call takes a request slot
//! in the output queue of the caller until it is routed, and a response slot in the input queue of the
//! caller until its callback runs. So this is also the number of open calls per caller and callee.

mod memory;
mod pair;

pub use pair::TimedOut;

use crate::error::{ErrorCode, Reject};
use crate::limits::{QUEUE_CAPACITY, REQUEST_LIFETIME_SECONDS};
use crate::message::{Ingress, Message, Request, Response};
use crate::types::{Callee, Time};
use memory::MessageMemory;
use pair::{Pair, Queued};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// All queues of a canister.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Queues {
    /// The pairs of queues, by peer. Idle pairs are removed once a round.
    pairs: BTreeMap<Callee, Pair>,
    ingress: VecDeque<Ingress>,
    /// Senders with messages in their input queues: those on the same subnet, and all others.
    local: VecDeque<Callee>,
    remote: VecDeque<Callee>,
    next: Source,
    memory: MessageMemory,
}

/// The source of the next message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    #[default]
    Local,
    Ingress,
    Remote,
}

impl Source {
    fn following(self) -> Self {
        match self {
            Self::Local => Self::Ingress,
            Self::Ingress => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

/// A message to execute.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// From a user.
    Ingress(Ingress),
    /// From a canister.
    Message(Message),
}

impl Queues {
    /// The number of free request slots to `peer`.
    pub fn free_slots(&self, peer: impl Into<Callee>) -> usize {
        self.pairs.get(&peer.into()).map_or(QUEUE_CAPACITY, Pair::free_slots)
    }

    /// The free request slots to each peer that has not all slots free.
    pub fn slots(&self) -> BTreeMap<Callee, usize> {
        let slots = self.pairs.iter().map(|(peer, pair)| (*peer, pair.free_slots()));
        slots.filter(|(_, free)| *free < QUEUE_CAPACITY).collect()
    }

    /// Bytes of memory that unbounded-wait calls take: those reserved for responses, and those of waiting
    /// responses and larger requests.
    pub fn guaranteed_bytes(&self) -> u64 {
        self.memory.guaranteed_bytes()
    }

    /// Bytes of memory that all calls take. Bounded-wait calls take the bytes of their waiting messages.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Whether a message waits for execution.
    pub fn has_input(&self) -> bool {
        !(self.ingress.is_empty() && self.local.is_empty() && self.remote.is_empty())
    }

    /// Whether a message waits for routing.
    pub fn has_output(&self) -> bool {
        self.pairs.values().any(|pair| !pair.output.is_empty())
    }

    /// Whether no message is queued and no response is expected.
    pub fn is_idle(&self) -> bool {
        !self.has_input() && self.pairs.values().all(Pair::is_idle)
    }

    /// Whether no message is queued, and every pair of queues waits for a response. A round without messages
    /// then changes nothing.
    pub fn is_waiting(&self) -> bool {
        let waits =
            |pair: &Pair| !pair.is_idle() && pair.input.is_empty() && pair.output.is_empty();
        !self.has_input() && self.pairs.values().all(waits)
    }

    /// Puts a request into the output queue.
    ///
    /// # Panics
    /// If no slot is free. `call_perform` has checked the slots.
    pub fn push_output_request(&mut self, request: Request, now: Time) {
        let pair = self.pairs.entry(request.header.callee).or_default();
        assert!(pair.free_slots() > 0, "call_perform checks the slots");
        pair.output_requests += 1;
        pair.input_responses += 1;
        let given_up = || now.floor_to_seconds().plus_secs(REQUEST_LIFETIME_SECONDS);
        let expiry = Some(request.header.deadline.unwrap_or_else(given_up));
        let message = Message::Request(request);
        self.memory.enqueue(&message);
        pair.output.push_back(Queued { message, expiry });
    }

    /// Puts the reject of a request that is not sent into the input queue. The caller has checked that a
    /// slot is free.
    pub fn push_rejected_request(&mut self, response: Response) {
        let pair = self.pairs.entry(response.header.callee).or_default();
        pair.input_responses += 1;
        self.memory.reserve(response.header.is_unbounded_wait());
        self.push_input_response(response, true);
    }

    /// Puts the response to an executed request into the output queue.
    pub fn push_output_response(&mut self, response: Response) {
        let pair = self.pairs.entry(response.header.caller.into()).or_default();
        let expiry = response.header.deadline;
        let message = Message::Response(response);
        self.memory.enqueue(&message);
        pair.output.push_back(Queued { message, expiry });
    }

    /// Puts a request into the input queue.
    ///
    /// # Panics
    /// If no slot is free: check [`has_room_for_request`](Self::has_room_for_request) before.
    pub fn push_input_request(&mut self, request: Request, local: bool) {
        self.push_input(request.header.caller.into(), Message::Request(request), local);
    }

    /// Puts a response into the input queue, in the slot that its request reserved.
    pub fn push_input_response(&mut self, response: Response, local: bool) {
        self.push_input(response.header.callee, Message::Response(response), local);
    }

    /// Queues an ingress message.
    pub fn push_ingress(&mut self, ingress: Ingress) {
        self.ingress.push_back(ingress);
    }

    /// Removes and returns the ingress messages that have expired at `now`.
    pub fn purge_ingress(&mut self, now: Time) -> Vec<Ingress> {
        let is_expired = |ingress: &Ingress| ingress.expiry < now;
        if !self.ingress.iter().any(is_expired) {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.ingress);
        let (expired, waiting): (Vec<_>, Vec<_>) = all.into_iter().partition(is_expired);
        self.ingress = waiting.into();
        expired
    }

    fn push_input(&mut self, sender: Callee, message: Message, local: bool) {
        let pair = self.pairs.entry(sender).or_default();
        if matches!(message, Message::Request(_)) {
            assert!(pair.has_room_for_request(), "induction checks the slots");
            pair.input_requests += 1;
            pair.output_responses += 1;
        }
        if pair.input.is_empty() {
            let schedule = if local { &mut self.local } else { &mut self.remote };
            schedule.push_back(sender);
        }
        self.memory.enqueue(&message);
        pair.input.push_back(message);
    }

    /// Takes the next message to execute. Sources take turns, senders take turns within a source, and the
    /// messages of one sender keep their order.
    pub fn pop_input(&mut self) -> Option<Input> {
        for _ in 0..3 {
            let source = self.next;
            self.next = source.following();
            let input = match source {
                Source::Ingress => self.ingress.pop_front().map(Input::Ingress),
                Source::Local => self.pop_message(true).map(Input::Message),
                Source::Remote => self.pop_message(false).map(Input::Message),
            };
            if input.is_some() {
                return input;
            }
        }
        None
    }

    fn pop_message(&mut self, local: bool) -> Option<Message> {
        let schedule = if local { &mut self.local } else { &mut self.remote };
        let sender = schedule.pop_front()?;
        let pair = self.pairs.get_mut(&sender).expect("scheduled senders have queues");
        let message = pair.input.pop_front().expect("scheduled senders have input");
        if !pair.input.is_empty() {
            schedule.push_back(sender);
        }
        match &message {
            Message::Request(_) => pair.input_requests -= 1,
            Message::Response(_) => pair.input_responses -= 1,
        }
        self.memory.dequeue(&message);
        Some(message)
    }

    /// The peers to which messages wait, in ascending order.
    pub fn output_peers(&self) -> Vec<Callee> {
        let waiting = self.pairs.iter().filter(|(_, pair)| !pair.output.is_empty());
        waiting.map(|(peer, _)| *peer).collect()
    }

    /// The next message to `peer`. It stays in the queue.
    pub fn peek_output(&self, peer: impl Into<Callee>) -> Option<&Message> {
        self.pairs.get(&peer.into())?.output.front().map(|queued| &queued.message)
    }

    /// Takes the next message to `peer`.
    pub fn pop_output(&mut self, peer: impl Into<Callee>) -> Option<Message> {
        let pair = self.pairs.get_mut(&peer.into())?;
        let message = pair.output.pop_front()?.message;
        match &message {
            Message::Request(_) => pair.output_requests -= 1,
            Message::Response(_) => pair.output_responses -= 1,
        }
        self.memory.dequeue(&message);
        Some(message)
    }

    /// Whether there are slots for a request from `peer` and for its response.
    pub fn has_room_for_request(&self, peer: impl Into<Callee>) -> bool {
        self.pairs.get(&peer.into()).is_none_or(Pair::has_room_for_request)
    }

    /// Removes the messages that have passed their deadline at `now`, a time in whole seconds, and the
    /// idle pairs of queues.
    pub fn time_out(&mut self, now: Time) -> TimedOut {
        let mut timed_out = TimedOut::default();
        // Idle pairs are removed only here: most pairs are needed again within the round.
        self.pairs.retain(|_, pair| !pair.is_idle());
        if !self.pairs.values().any(|pair| pair.has_expired(now)) {
            return timed_out;
        }
        let mut unsent = Vec::new();
        for pair in self.pairs.values_mut() {
            pair.time_out_output(now, &mut self.memory, &mut unsent, &mut timed_out.dropped);
            pair.time_out_input(now, &mut self.memory, &mut timed_out.dropped);
        }
        unsent.sort_by_key(|(expiry, request)| (*expiry, request.header.callback));
        timed_out.rejects = unsent
            .into_iter()
            .map(|(_, request)| {
                request.rejected(Reject::from_code(
                    ErrorCode::CanisterQueueFull,
                    "Request timed out: it could not be sent before its deadline",
                ))
            })
            .collect();
        for schedule in [&mut self.local, &mut self.remote] {
            schedule.retain(|peer| self.pairs.get(peer).is_some_and(|pair| !pair.input.is_empty()));
        }
        timed_out
    }
}

#[cfg(test)]
mod tests;
