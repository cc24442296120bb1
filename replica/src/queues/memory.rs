//! The memory that the messages of one canister take.
//!
//! Rules: `replicated_state/src/canister_state/queues.rs`, `memory_usage_of_request`, and
//! `queues/message_pool.rs`, `MessageStats`, in the replica's repository.

use crate::limits::RESPONSE_RESERVATION_BYTES;
use crate::message::Message;
use serde::{Deserialize, Serialize};

/// The memory of the messages that wait in the queues of a canister, and of the responses that are
/// expected or owed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MessageMemory {
    /// The number of unbounded-wait calls whose response is in no queue yet. Memory is reserved for each.
    reservations: usize,
    /// Bytes of waiting responses to unbounded-wait calls, and of waiting requests beyond the memory that
    /// is reserved for their responses.
    guaranteed_bytes: u64,
    /// Bytes of waiting bounded-wait messages.
    best_effort_bytes: u64,
}

impl MessageMemory {
    /// Bytes that unbounded-wait calls take.
    pub(super) fn guaranteed_bytes(&self) -> u64 {
        self.reservations as u64 * RESPONSE_RESERVATION_BYTES + self.guaranteed_bytes
    }

    /// Bytes that all calls take.
    pub(super) fn bytes(&self) -> u64 {
        self.guaranteed_bytes() + self.best_effort_bytes
    }

    /// Reserves memory for the response to a request, if it is unbounded-wait.
    pub(super) fn reserve(&mut self, is_unbounded_wait: bool) {
        self.reservations += usize::from(is_unbounded_wait);
    }

    /// Adds a message that is put into a queue. A response takes the place that was reserved for it.
    pub(super) fn enqueue(&mut self, message: &Message) {
        let is_unbounded_wait = message.header().is_unbounded_wait();
        match message {
            Message::Request(_) => self.reserve(is_unbounded_wait),
            Message::Response(_) => self.reservations -= usize::from(is_unbounded_wait),
        }
        *self.waiting(is_unbounded_wait) += bytes(message);
    }

    /// Subtracts a message that leaves its queue.
    pub(super) fn dequeue(&mut self, message: &Message) {
        *self.waiting(message.header().is_unbounded_wait()) -= bytes(message);
    }

    /// Adds a message that comes back to the queue that it has just left.
    pub(super) fn put_back(&mut self, message: &Message) {
        *self.waiting(message.header().is_unbounded_wait()) += bytes(message);
    }

    fn waiting(&mut self, is_unbounded_wait: bool) -> &mut u64 {
        if is_unbounded_wait { &mut self.guaranteed_bytes } else { &mut self.best_effort_bytes }
    }
}

/// The bytes of a waiting message, beyond reserved memory.
fn bytes(message: &Message) -> u64 {
    match message {
        Message::Request(request) if request.header.is_unbounded_wait() => request.excess_bytes(),
        Message::Request(request) => request.counted_bytes(),
        Message::Response(response) => response.counted_bytes(),
    }
}
