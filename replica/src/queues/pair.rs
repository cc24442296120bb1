//! The queues between a canister and one peer.

use super::memory::MessageMemory;
use crate::limits::QUEUE_CAPACITY;
use crate::message::{Message, Request, Response};
use crate::types::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The messages that were removed because their deadlines passed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TimedOut {
    /// The rejects of the canister's own requests that were not sent, in the order in which the canister gets
    /// them: the earliest deadline first, then the call that was made first, whatever its callee
    /// (`replicated_state/src/canister_state/queues/message_pool.rs`, `expire_messages`).
    pub rejects: Vec<Response>,
    /// Messages that were dropped without a reject.
    pub dropped: Vec<Message>,
}

/// The queues between the canister and one peer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) input: VecDeque<Message>,
    pub(super) output: VecDeque<Queued>,
    pub(super) input_requests: usize,
    /// Response slots that are reserved or filled.
    pub(super) input_responses: usize,
    pub(super) output_requests: usize,
    pub(super) output_responses: usize,
    /// Whether the pair is in the list of pairs that became idle.
    #[serde(skip)]
    pub(super) is_listed_idle: bool,
}

/// A message that waits to be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Queued {
    pub(crate) message: Message,
    /// When the message is removed if it still waits.
    pub(super) expiry: Option<Time>,
}

impl Queued {
    fn has_expired(&self, now: Time) -> bool {
        self.expiry.is_some_and(|expiry| expiry < now)
    }
}

/// When a message in the input queue is removed if it still waits. A response in the input queue is always executed.
fn input_expiry(message: &Message) -> Option<Time> {
    match message {
        Message::Request(request) => request.header.deadline,
        Message::Response(_) => None,
    }
}

impl Pair {
    pub(super) fn free_slots(&self) -> usize {
        QUEUE_CAPACITY.saturating_sub(self.output_requests.max(self.input_responses))
    }

    pub(super) fn has_room_for_request(&self) -> bool {
        self.input_requests < QUEUE_CAPACITY && self.output_responses < QUEUE_CAPACITY
    }

    pub(super) fn is_idle(&self) -> bool {
        self.input.is_empty()
            && self.output.is_empty()
            && self.input_responses == 0
            && self.output_responses == 0
    }

    /// When the messages expire that do.
    pub(super) fn expiries(&self) -> impl Iterator<Item = Time> {
        let output = self.output.iter().filter_map(|queued| queued.expiry);
        output.chain(self.input.iter().filter_map(input_expiry))
    }

    /// A pair with the same free request slots, but without messages.
    pub(super) fn without_messages(&self) -> Self {
        let Self { input_responses, output_requests, .. } = *self;
        Self { input_responses, output_requests, ..Self::default() }
    }

    /// Removes expired messages from the output queue, and their bytes from `memory`. Requests go to `unsent`,
    /// with the time until which they could be sent.
    pub(super) fn time_out_output(
        &mut self,
        now: Time,
        memory: &mut MessageMemory,
        unsent: &mut Vec<(Time, Box<Request>)>,
        dropped: &mut Vec<Message>,
    ) {
        let (gone, kept): (VecDeque<Queued>, _) = std::mem::take(&mut self.output)
            .into_iter()
            .partition(|queued: &Queued| queued.has_expired(now));
        self.output = kept;
        for Queued { message, expiry } in gone {
            memory.dequeue(&message);
            match message {
                Message::Request(request) => {
                    self.output_requests -= 1;
                    unsent.extend(expiry.map(|expiry| (expiry, request)));
                }
                message => {
                    self.output_responses -= 1;
                    dropped.push(message);
                }
            }
        }
    }

    /// Removes expired requests from the input queue, and their bytes from `memory`.
    pub(super) fn time_out_input(
        &mut self,
        now: Time,
        memory: &mut MessageMemory,
        dropped: &mut Vec<Message>,
    ) {
        let has_expired =
            |message: &Message| input_expiry(message).is_some_and(|expiry| expiry < now);
        let (gone, kept): (VecDeque<Message>, _) =
            std::mem::take(&mut self.input).into_iter().partition(has_expired);
        self.input = kept;
        for message in gone {
            memory.dequeue(&message);
            self.input_requests -= 1;
            self.output_responses -= 1;
            dropped.push(message);
        }
    }
}
