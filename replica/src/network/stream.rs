//! The stream from one subnet to another.
//!
//! Rules: `messaging/src/routing/stream_builder.rs` and `stream_handler.rs` in the replica's
//! repository. A message stays in the stream, and counts for its limits, until the other subnet's
//! own stream has brought the signal that it was taken in.

use crate::limits::*;
use crate::message::{Response, StreamMessage};
use std::collections::VecDeque;

/// What one subnet has for another: messages in the order they were sent, and what became of those
/// that came from there.
#[derive(Debug, Default)]
pub struct Stream {
    /// Messages not yet taken, with the round from which on they can be seen.
    messages: VecDeque<(u64, StreamMessage)>,
    /// The messages that were taken and are not signalled yet.
    taken: VecDeque<Size>,
    /// All of these.
    bytes: usize,
    refunds: usize,
    /// For each message from the other subnet the reject it got, if it did, and the round from which
    /// on that can be seen.
    signals: VecDeque<(u64, Option<Response>)>,
}

/// What is left of a message that was taken.
#[derive(Clone, Copy, Debug)]
struct Size {
    bytes: usize,
    is_refund: bool,
}

impl From<&StreamMessage> for Size {
    fn from(message: &StreamMessage) -> Self {
        let is_refund = matches!(message, StreamMessage::Refund(_));
        Self { bytes: message.payload_bytes(), is_refund }
    }
}

impl Stream {
    fn has_room(&self) -> bool {
        self.held() < STREAM_MESSAGES_MAX && self.bytes < STREAM_BYTES_TARGET
    }

    /// Whether it takes another message that is no refund; to a system subnet, it takes fewer.
    pub fn has_room_for_message(&self, to_system_subnet: bool) -> bool {
        let is_throttled =
            to_system_subnet && self.held() - self.refunds >= 2 * SYSTEM_SUBNET_MESSAGES_MAX;
        self.has_room() && !is_throttled
    }

    /// Messages in it, taken or not, until they are signalled.
    pub fn held(&self) -> usize {
        self.messages.len() + self.taken.len()
    }

    /// Whether something is on its way in it.
    pub fn is_moving(&self) -> bool {
        !(self.messages.is_empty() && self.signals.is_empty())
    }

    /// Whether it takes another refund.
    pub fn has_room_for_refund(&self) -> bool {
        self.has_room() && self.refunds < STREAM_REFUNDS_MAX
    }

    /// Puts a message in, to be seen from a certain round on. The caller has checked that there is
    /// room.
    pub fn push(&mut self, message: StreamMessage, visible_from_round: u64) {
        assert!(self.has_room(), "routing checks the room");
        let size = Size::from(&message);
        self.bytes += size.bytes;
        self.refunds += usize::from(size.is_refund);
        self.messages.push_back((visible_from_round, message));
    }

    /// Takes out what can be seen in `round`, at most `count` messages and at most `bytes_left`, which
    /// it reduces.
    pub fn take_visible(
        &mut self,
        round: u64,
        count: usize,
        bytes_left: &mut usize,
    ) -> Vec<StreamMessage> {
        let mut taken = Vec::new();
        while let Some((from, message)) = self.messages.front().filter(|_| taken.len() < count) {
            let size = Size::from(message);
            if *from > round || size.bytes > *bytes_left {
                break;
            }
            *bytes_left -= size.bytes;
            self.taken.push_back(size);
            taken.extend(self.messages.pop_front().map(|(_, message)| message));
        }
        taken
    }

    /// Notes what became of the next message from the other subnet.
    pub fn push_signal(&mut self, reject: Option<Response>, visible_from_round: u64) {
        self.signals.push_back((visible_from_round, reject));
    }

    /// Takes the signals that can be seen in `round`.
    pub fn take_signals(&mut self, round: u64) -> Vec<Option<Response>> {
        let visible = self.signals.partition_point(|(from, _)| *from <= round);
        self.signals.drain(..visible).map(|(_, reject)| reject).collect()
    }

    /// Forgets the oldest messages, so many of which are signalled.
    pub fn discard(&mut self, signalled: usize) {
        for size in self.taken.drain(..signalled) {
            self.bytes -= size.bytes;
            self.refunds -= usize::from(size.is_refund);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Refund, Request};
    use crate::topology::canister_id;
    use crate::types::CallbackId;

    const ALL: usize = usize::MAX;

    fn message(bytes: usize) -> StreamMessage {
        StreamMessage::Message(Message::Request(Request {
            sender: canister_id(0),
            receiver: canister_id(1).into(),
            method: String::new(),
            argument: vec![0; bytes],
            cycles: 0,
            callback: CallbackId(0),
            deadline: None,
        }))
    }

    fn refund() -> StreamMessage {
        StreamMessage::Refund(Refund { recipient: canister_id(0), cycles: 1 })
    }

    fn take(stream: &mut Stream, round: u64, mut bytes: usize) -> usize {
        stream.take_visible(round, ALL, &mut bytes).len()
    }

    #[test]
    fn messages_wait_for_their_round_in_order() {
        let mut stream = Stream::default();
        for round in [1, 1, 3] {
            stream.push(message(1), round);
        }
        let taken = [0, 1, 2, 3].map(|round| take(&mut stream, round, ALL));
        assert_eq!(taken, [0, 2, 0, 1]);
    }

    #[test]
    fn signals_wait_for_their_round() {
        let mut stream = Stream::default();
        for round in [1, 1, 3] {
            stream.push_signal(None, round);
        }
        let taken = [0, 1, 2, 3].map(|round| stream.take_signals(round).len());
        assert_eq!(taken, [0, 2, 0, 1]);
    }

    #[test]
    fn no_more_is_taken_than_fits() {
        let mut stream = Stream::default();
        for bytes in [3, 3, 1] {
            stream.push(message(bytes), 0);
        }
        assert_eq!(take(&mut stream, 0, 5), 1, "nothing overtakes");
        assert_eq!(take(&mut stream, 0, 5), 2);
    }

    #[test]
    fn a_stream_is_full_by_messages_or_by_bytes_until_they_are_signalled() {
        let mut stream = Stream::default();
        for _ in 0..STREAM_MESSAGES_MAX {
            assert!(stream.has_room());
            stream.push(message(0), 0);
        }
        assert_eq!(take(&mut stream, 0, ALL), STREAM_MESSAGES_MAX);
        assert!(!stream.has_room());
        stream.discard(1);
        // The last message may exceed the target.
        stream.push(message(STREAM_BYTES_TARGET), 0);
        stream.discard(STREAM_MESSAGES_MAX - 1);
        assert_eq!(take(&mut stream, 0, ALL), 1);
        assert!(!stream.has_room());
        stream.discard(1);
        assert!(stream.has_room());
    }

    #[test]
    fn half_of_a_stream_may_be_refunds() {
        let mut stream = Stream::default();
        for _ in 0..STREAM_REFUNDS_MAX {
            assert!(stream.has_room_for_refund());
            stream.push(refund(), 0);
        }
        assert!(!stream.has_room_for_refund());
        assert!(stream.has_room());
        assert_eq!(take(&mut stream, 0, ALL), STREAM_REFUNDS_MAX);
        stream.discard(1);
        assert!(stream.has_room_for_refund());
    }

    #[test]
    fn a_stream_to_a_system_subnet_holds_two_hundred_messages_beside_refunds() {
        let mut stream = Stream::default();
        stream.push(refund(), 0);
        for _ in 0..2 * SYSTEM_SUBNET_MESSAGES_MAX {
            assert!(stream.has_room_for_message(true));
            stream.push(message(0), 0);
        }
        assert!(!stream.has_room_for_message(true));
        assert!(stream.has_room_for_message(false) && stream.has_room_for_refund());
        assert_eq!(stream.take_visible(0, 100, &mut ALL.clone()).len(), 100);
        stream.discard(2);
        assert!(stream.has_room_for_message(true));
    }
}
