//! Streams: the messages from one subnet to another.
//!
//! A message stays in its stream, and counts toward the stream's limits, until the reverse stream has
//! brought the signal that the other subnet took the message in.
//!
//! Rules: `messaging/src/routing/stream_builder.rs` and `stream_handler.rs` in the replica's repository.

use crate::limits::*;
use crate::message::{Response, StreamMessage};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The stream from one subnet to another: messages in the order they were sent, and signals for the
/// messages of the reverse stream.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Stream {
    /// Messages that were not taken yet, each with the round from which on it is visible.
    messages: VecDeque<(u64, StreamMessage)>,
    /// The sizes of messages that were taken and not signalled yet.
    taken: VecDeque<Size>,
    /// The size in bytes of all messages, taken or not.
    bytes: usize,
    /// The number of refunds among all messages, taken or not.
    refunds: usize,
    /// One signal for each message of the reverse stream: the reject, if the message was rejected. Each
    /// comes with the round from which on it is visible.
    signals: VecDeque<(u64, Option<Response>)>,
}

/// The bytes and refunds that a message counts for in the limits of its stream.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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

    /// Whether the stream takes another request or response. Streams to system subnets take fewer.
    pub fn has_room_for_message(&self, to_system_subnet: bool) -> bool {
        let is_throttled =
            to_system_subnet && self.held() - self.refunds >= 2 * SYSTEM_SUBNET_MESSAGES_MAX;
        self.has_room() && !is_throttled
    }

    /// The number of messages that are not signalled yet, taken or not.
    pub fn held(&self) -> usize {
        self.messages.len() + self.taken.len()
    }

    /// Whether any message or signal is on its way.
    pub fn is_moving(&self) -> bool {
        !(self.messages.is_empty() && self.signals.is_empty())
    }

    /// Whether the stream takes another refund.
    pub fn has_room_for_refund(&self) -> bool {
        self.has_room() && self.refunds < STREAM_REFUNDS_MAX
    }

    /// Appends a message that is visible from a certain round on.
    ///
    /// # Panics
    ///
    /// If the stream is full: the caller checks that first.
    pub fn push(&mut self, message: StreamMessage, visible_from_round: u64) {
        assert!(self.has_room(), "routing checks that the stream is not full");
        let size = Size::from(&message);
        self.bytes += size.bytes;
        self.refunds += usize::from(size.is_refund);
        self.messages.push_back((visible_from_round, message));
    }

    /// Takes the messages that are visible in `round`: at most `count` messages with at most
    /// `bytes_left` bytes in a block, from which their size in the block is subtracted.
    pub fn take_visible(
        &mut self,
        round: u64,
        count: usize,
        bytes_left: &mut usize,
    ) -> Vec<StreamMessage> {
        let mut taken = Vec::new();
        while let Some((from, message)) = self.messages.front().filter(|_| taken.len() < count) {
            let size = Size::from(message);
            let in_block = size.bytes + XNET_MESSAGE_OVERHEAD_BYTES;
            if *from > round || in_block > *bytes_left {
                break;
            }
            *bytes_left -= in_block;
            self.taken.push_back(size);
            taken.extend(self.messages.pop_front().map(|(_, message)| message));
        }
        taken
    }

    /// Appends the signal for the next message of the reverse stream: its reject, if it was rejected.
    pub fn push_signal(&mut self, reject: Option<Response>, visible_from_round: u64) {
        self.signals.push_back((visible_from_round, reject));
    }

    /// Takes the signals that are visible in `round`.
    pub fn take_signals(&mut self, round: u64) -> Vec<Option<Response>> {
        let visible = self.signals.partition_point(|(from, _)| *from <= round);
        self.signals.drain(..visible).map(|(_, reject)| reject).collect()
    }

    /// Discards the oldest `signalled` messages, whose signals have arrived.
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
    use crate::message::{CallContent, CallHeader, Message, Refund, Request};
    use crate::topology::canister_id;
    use crate::types::CallbackId;

    const ALL: usize = usize::MAX;

    fn message(bytes: usize) -> StreamMessage {
        let header = CallHeader {
            caller: canister_id(0),
            callee: canister_id(1).into(),
            callback: CallbackId(0),
            deadline: None,
        };
        let content = CallContent { argument: vec![0; bytes], ..CallContent::default() };
        StreamMessage::Message(Message::Request(Request { header, content }.into()))
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
    fn no_more_messages_are_taken_than_fit() {
        let mut stream = Stream::default();
        for bytes in [3, 3, 1] {
            stream.push(message(bytes), 0);
        }
        let room = 5 + XNET_MESSAGE_OVERHEAD_BYTES;
        assert_eq!(take(&mut stream, 0, room), 1, "no message overtakes another");
        assert_eq!(take(&mut stream, 0, room + XNET_MESSAGE_OVERHEAD_BYTES), 2);
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
    fn at_most_half_of_a_stream_is_refunds() {
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
