//! The queues of one canister: an input and an output queue for each canister that it communicates with.
//! A slot is reserved for each expected response.
//!
//! Rules: `replicated_state/src/canister_state/queues.rs` in the replica's repository. Requests and
//! responses have [`QUEUE_CAPACITY`] slots each, per peer and direction. A call takes a request slot
//! in the output queue of the caller until it is routed, and a response slot in the input queue of the
//! caller until its callback runs. So this is also the number of open calls per caller and callee.

mod memory;
mod pair;
mod pairs;
mod sending;
mod waiting;

pub(crate) use pair::Queued;
pub use pair::TimedOut;
pub use pairs::Pairs;
pub(crate) use sending::{Sending, Sent};

use crate::error::{ErrorCode, Reject};
use crate::limits::{QUEUE_CAPACITY, REQUEST_LIFETIME_SECONDS};
use crate::message::{Ingress, Message, Request, Response};
use crate::types::{Callee, CanisterId, Time};
use memory::MessageMemory;
use pair::Pair;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use waiting::Waiting;

/// All queues of a canister.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "SavedQueues")]
pub struct Queues {
    /// The pairs of queues. Idle pairs are removed once a round.
    pairs: Pairs,
    ingress: VecDeque<Ingress>,
    /// Senders with messages in their input queues: those on the same subnet, and all others.
    local: VecDeque<Callee>,
    remote: VecDeque<Callee>,
    next: Source,
    memory: MessageMemory,
    #[serde(skip)]
    waiting: Waiting,
}

/// Queues as they are saved. What waits is not saved, because it follows from the pairs. A skipped field is decoded as
/// its default value, and not computed. So this type, which lists the saved fields again, is decoded first.
#[derive(Deserialize)]
struct SavedQueues {
    pairs: Pairs,
    ingress: VecDeque<Ingress>,
    local: VecDeque<Callee>,
    remote: VecDeque<Callee>,
    next: Source,
    memory: MessageMemory,
}

impl From<SavedQueues> for Queues {
    fn from(saved: SavedQueues) -> Self {
        let SavedQueues { mut pairs, ingress, local, remote, next, memory } = saved;
        let waiting = Waiting::of(&mut pairs);
        Self { pairs, ingress, local, remote, next, memory, waiting }
    }
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
    /// From a user. Boxed, because a message between canisters is only a pointer.
    Ingress(Box<Ingress>),
    /// From a canister.
    Message(Message),
}

impl Queues {
    /// The number of free request slots to `peer`.
    pub fn free_slots(&self, peer: impl Into<Callee>) -> usize {
        self.pairs.free_slots(peer)
    }

    /// The free request slots to each peer that has not all slots free. Tests compare them with those of a model.
    pub fn slots(&self) -> BTreeMap<Callee, usize> {
        let slots = self.pairs.0.iter().map(|(peer, pair)| (*peer, pair.free_slots()));
        slots.filter(|(_, free)| *free < QUEUE_CAPACITY).collect()
    }

    /// The pairs of queues. An execution takes them along, because it depends on the free request slots.
    pub(crate) fn pairs(&mut self) -> &mut Pairs {
        &mut self.pairs
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
        self.waiting.has_output()
    }

    /// Whether no message is queued and no response is expected.
    pub fn is_idle(&self) -> bool {
        !self.has_input() && self.pairs.0.values().all(Pair::is_idle)
    }

    /// Whether no message is queued, and every pair of queues waits for a response. A round without messages
    /// then changes nothing.
    pub fn is_waiting(&self) -> bool {
        !self.has_input() && !self.has_output() && !self.waiting.has_idle(&self.pairs)
    }

    /// Puts a request into the output queue.
    ///
    /// # Panics
    /// If no slot is free. `call_perform` has checked the slots.
    pub fn push_output_request(&mut self, request: impl Into<Box<Request>>, now: Time) {
        let request = request.into();
        let given_up = || now.floor_to_seconds().plus_secs(REQUEST_LIFETIME_SECONDS);
        let expiry = Some(request.header.deadline.unwrap_or_else(given_up));
        self.push_output(request.header.callee, Message::Request(request), expiry);
    }

    /// Puts the reject of a request that is not sent into the input queue. The caller has checked that a
    /// slot is free.
    pub fn push_rejected_request(&mut self, response: Response) {
        let pair = self.pairs.0.entry(response.header.callee).or_default();
        pair.input_responses += 1;
        self.memory.reserve(response.header.is_unbounded_wait());
        self.push_input_response(response, true);
    }

    /// Puts the response to an executed request into the output queue.
    pub fn push_output_response(&mut self, response: impl Into<Box<Response>>) {
        let response = response.into();
        let (receiver, expiry) = (response.header.caller.into(), response.header.deadline);
        self.push_output(receiver, Message::Response(response), expiry);
    }

    fn push_output(&mut self, receiver: Callee, message: Message, expiry: Option<Time>) {
        let pair = self.pairs.0.entry(receiver).or_default();
        if matches!(message, Message::Request(_)) {
            assert!(pair.free_slots() > 0, "call_perform checks the slots");
            pair.output_requests += 1;
            pair.input_responses += 1;
        }
        self.waiting.note_output(receiver, pair.output.is_empty(), expiry);
        self.memory.enqueue(&message);
        pair.output.push_back(Queued { message, expiry });
    }

    /// Puts a request into the input queue.
    ///
    /// # Panics
    /// If no slot is free: check [`has_room_for_request`](Self::has_room_for_request) before.
    pub fn push_input_request(&mut self, request: impl Into<Box<Request>>, local: bool) {
        let request = request.into();
        self.waiting.note_expiry(request.header.deadline);
        self.push_input(request.header.caller.into(), Message::Request(request), local);
    }

    /// Puts a response into the input queue, in the slot that its request reserved.
    pub fn push_input_response(&mut self, response: impl Into<Box<Response>>, local: bool) {
        let response = response.into();
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
        let pair = self.pairs.0.entry(sender).or_default();
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
            let is_empty = match source {
                Source::Ingress => self.ingress.is_empty(),
                Source::Local => self.local.is_empty(),
                Source::Remote => self.remote.is_empty(),
            };
            if !is_empty {
                return match source {
                    Source::Ingress => self.ingress.pop_front().map(Box::new).map(Input::Ingress),
                    Source::Local => self.pop_message(true).map(Input::Message),
                    Source::Remote => self.pop_message(false).map(Input::Message),
                };
            }
        }
        None
    }

    fn pop_message(&mut self, local: bool) -> Option<Message> {
        let schedule = if local { &mut self.local } else { &mut self.remote };
        let sender = schedule.pop_front()?;
        let pair = self.pairs.0.get_mut(&sender).expect("scheduled senders have queues");
        let message = pair.input.pop_front().expect("scheduled senders have input");
        if !pair.input.is_empty() {
            schedule.push_back(sender);
        }
        match &message {
            Message::Request(_) => pair.input_requests -= 1,
            Message::Response(_) => pair.input_responses -= 1,
        }
        self.memory.dequeue(&message);
        self.waiting.note_idle(sender, pair);
        Some(message)
    }

    /// The peers to which messages wait, in ascending order.
    pub fn output_peers(&self) -> Vec<Callee> {
        let mut peers = self.waiting.receivers();
        peers.retain(|peer| self.peek_output(*peer).is_some());
        peers
    }

    /// The next message to `peer`. It stays in the queue.
    pub fn peek_output(&self, peer: impl Into<Callee>) -> Option<&Message> {
        self.pairs.0.get(&peer.into())?.output.front().map(|queued| &queued.message)
    }

    /// Takes the next message to `peer`.
    pub fn pop_output(&mut self, peer: impl Into<Callee>) -> Option<Message> {
        self.pop_queued(peer.into()).map(|(queued, _)| queued.message)
    }

    /// Takes the next message to `peer`. Returns also whether another message to `peer` waits.
    fn pop_queued(&mut self, peer: Callee) -> Option<(Queued, bool)> {
        let pair = self.pairs.0.get_mut(&peer)?;
        let queued = pair.output.pop_front()?;
        match &queued.message {
            Message::Request(_) => pair.output_requests -= 1,
            Message::Response(_) => pair.output_responses -= 1,
        }
        self.memory.dequeue(&queued.message);
        self.waiting.note_sent();
        self.waiting.note_idle(peer, pair);
        Some((queued, !pair.output.is_empty()))
    }

    /// Begins to take the messages out of all output queues: those to `own`, which is the canister itself, first, and
    /// then by receiver in ascending order.
    pub(crate) fn begin_sending(&mut self, own: CanisterId) -> Sending {
        Sending::to(self.waiting.take_receivers(), own.into())
    }

    /// Takes the next message. If there is none, the sending ends: the messages that were put back wait again.
    pub(crate) fn send_next(&mut self, sending: &mut Sending) -> Option<Sent> {
        while let Some(receiver) = sending.receiver() {
            let before = self.guaranteed_bytes();
            let next = self.pop_queued(receiver);
            if next.as_ref().is_none_or(|(_, is_followed)| !is_followed) {
                sending.leave_receiver();
            }
            if let Some((queued, _)) = next {
                let guaranteed_bytes = before - self.guaranteed_bytes();
                return Some(Sent { receiver, queued, guaranteed_bytes });
            }
        }
        self.waiting.put_receivers(sending.take_refusing());
        None
    }

    /// Puts a message back that cannot be delivered. No other message is taken to this receiver.
    pub(crate) fn put_back(&mut self, receiver: Callee, queued: Queued, sending: &mut Sending) {
        let pair = self.pairs.0.entry(receiver).or_default();
        match &queued.message {
            Message::Request(_) => pair.output_requests += 1,
            Message::Response(_) => pair.output_responses += 1,
        }
        self.memory.put_back(&queued.message);
        self.waiting.note_put_back();
        pair.output.push_front(queued);
        sending.refuse(receiver);
    }

    /// Whether there are slots for a request from `peer` and for its response.
    pub fn has_room_for_request(&self, peer: impl Into<Callee>) -> bool {
        self.pairs.0.get(&peer.into()).is_none_or(Pair::has_room_for_request)
    }

    /// Removes the messages that have passed their deadline at `now`, a time in whole seconds, and the
    /// idle pairs of queues.
    pub fn time_out(&mut self, now: Time) -> TimedOut {
        let mut timed_out = TimedOut::default();
        // Idle pairs are removed only here: most pairs are needed again within the round.
        self.waiting.remove_idle(&mut self.pairs);
        if !self.waiting.may_have_expired(now) {
            return timed_out;
        }
        let mut unsent = Vec::new();
        for pair in self.pairs.0.values_mut() {
            pair.time_out_output(now, &mut self.memory, &mut unsent, &mut timed_out.dropped);
            pair.time_out_input(now, &mut self.memory, &mut timed_out.dropped);
        }
        self.waiting = Waiting::of(&mut self.pairs);
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
            schedule
                .retain(|peer| self.pairs.0.get(peer).is_some_and(|pair| !pair.input.is_empty()));
        }
        timed_out
    }
}

#[cfg(test)]
mod tests;
