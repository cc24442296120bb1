//! Taking all messages out of the output queues of a canister.

use super::pair::Queued;
use crate::types::Callee;

/// Which messages were taken out of the output queues of a canister.
#[derive(Debug)]
pub(crate) struct Sending {
    /// The receivers to which messages may wait, each once. Those before `position` are done.
    receivers: Vec<Callee>,
    position: usize,
    /// The number of receivers that have refused a message. They are the first ones of `receivers`.
    refusing: usize,
}

/// A message that was taken out of its output queue.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) receiver: Callee,
    pub(crate) queued: Queued,
    /// The bytes that the message took, if it belongs to an unbounded-wait call.
    pub(crate) guaranteed_bytes: u64,
}

impl Sending {
    /// To these receivers, `own` first.
    pub(super) fn to(mut receivers: Vec<Callee>, own: Callee) -> Self {
        if let Ok(place) = receivers.binary_search(&own) {
            receivers[..=place].rotate_right(1);
        }
        Self { receivers, position: 0, refusing: 0 }
    }

    /// The receiver whose turn it is.
    pub(super) fn receiver(&self) -> Option<Callee> {
        self.receivers.get(self.position).copied()
    }

    /// Ends the turn of the receiver.
    pub(super) fn leave_receiver(&mut self) {
        self.position += 1;
    }

    /// Ends the turn of this receiver, to which a message waits again.
    pub(super) fn refuse(&mut self, receiver: Callee) {
        if self.receiver() == Some(receiver) {
            self.leave_receiver();
        }
        self.receivers[self.refusing] = receiver;
        self.refusing += 1;
    }

    /// Takes the receivers to which messages wait.
    pub(super) fn take_refusing(&mut self) -> Vec<Callee> {
        self.receivers.truncate(self.refusing);
        std::mem::take(&mut self.receivers)
    }
}
