//! The ordered stream of messages from one subnet to another.

use crate::limits::{STREAM_BYTES_TARGET, STREAM_MESSAGES_MAX};
use crate::message::Message;
use std::collections::VecDeque;

/// Messages under way from one subnet to another, in the order they were sent.
#[derive(Debug, Default)]
pub struct Stream {
    messages: VecDeque<(u64, Message)>,
    bytes: usize,
}

impl Stream {
    /// Whether it takes another message.
    pub fn has_room(&self) -> bool {
        self.messages.len() < STREAM_MESSAGES_MAX && self.bytes < STREAM_BYTES_TARGET
    }

    /// Puts a message in, to be seen from a certain round on. The caller has checked that there is
    /// room.
    pub fn push(&mut self, message: Message, visible_from_round: u64) {
        assert!(self.has_room(), "routing checks the room");
        self.bytes += message.payload_bytes();
        self.messages.push_back((visible_from_round, message));
    }

    /// Takes out what can be seen in `round`.
    pub fn take_visible(&mut self, round: u64) -> impl Iterator<Item = Message> {
        let visible = self.messages.partition_point(|(from, _)| *from <= round);
        let taken = self.messages.drain(..visible).map(|(_, message)| message);
        let taken: Vec<Message> = taken.collect();
        self.bytes -= taken.iter().map(Message::payload_bytes).sum::<usize>();
        taken.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Request;
    use crate::topology::canister_id;
    use crate::types::CallbackId;

    fn message(bytes: usize) -> Message {
        Message::Request(Request {
            sender: canister_id(0),
            receiver: canister_id(1),
            method: String::new(),
            argument: vec![0; bytes],
            cycles: 0,
            callback: CallbackId(0),
            deadline: None,
        })
    }

    #[test]
    fn messages_wait_for_their_round_in_order() {
        let mut stream = Stream::default();
        for round in [1, 1, 3] {
            stream.push(message(1), round);
        }
        assert_eq!(stream.take_visible(0).count(), 0);
        assert_eq!(stream.take_visible(1).count(), 2);
        assert_eq!(stream.take_visible(2).count(), 0);
        assert_eq!(stream.take_visible(3).count(), 1);
    }

    #[test]
    fn a_stream_is_full_by_messages_or_by_bytes() {
        let mut stream = Stream::default();
        for _ in 0..STREAM_MESSAGES_MAX {
            assert!(stream.has_room());
            stream.push(message(0), 0);
        }
        assert!(!stream.has_room());
        assert_eq!(stream.take_visible(0).count(), STREAM_MESSAGES_MAX);
        // The last message may exceed the target.
        stream.push(message(STREAM_BYTES_TARGET), 0);
        assert!(!stream.has_room());
        assert_eq!(stream.take_visible(0).count(), 1);
        assert!(stream.has_room());
    }
}
