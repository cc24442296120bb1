//! How many bytes of replies are kept in memory.

use std::cell::Cell;
use std::rc::Rc;

use crate::{Outcome, Reply};

/// How many bytes of replies a fan-out keeps in memory.
///
/// A callee can reply with 2 MiB, and the heap of a canister has 4 GiB. So the replies to 2,000 calls can fill it, and
/// then all further messages of the canister fail. A reply beyond a limit is dropped, and the outcome of its call is
/// [`ReplyDropped`](Outcome::ReplyDropped). To use all replies whatever their size, take
/// [`FanOut::run`](crate::FanOut::run), which hands over each reply when it arrives and keeps none.
///
/// Without a limit of its own, a fan-out shares one limit with all fan-outs of the canister that run at the same
/// time: together they keep at most [`Transport::reply_bytes_max`](crate::Transport::reply_bytes_max), as of the
/// moment when a reply arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimit {
    /// Bytes of one reply.
    pub per_call: usize,
    /// Bytes of all replies together.
    pub total: usize,
}

impl ReplyLimit {
    /// Replies of any length, as long as they together have at most this many bytes.
    pub fn of_memory(bytes: usize) -> Self {
        Self { per_call: usize::MAX, total: bytes }
    }
}

/// The bytes of replies that the running fan-outs of a canister keep together.
///
/// A fan-out counts the bytes of its replies from their arrival until it returns its outcomes, or until its future is
/// dropped. What the canister does with the outcomes afterwards, the library does not know.
#[derive(Debug, Default)]
pub struct KeptReplies {
    bytes: Cell<usize>,
}

impl KeptReplies {
    /// The bytes that are kept now.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

/// The bytes of replies that one fan-out may still keep.
pub(crate) struct ReplyBudget<'t> {
    limit: ReplyLimit,
    /// The bytes that all fan-outs may keep together now. `None` for a fan-out with a limit of its own.
    shared_total: Option<&'t dyn Fn() -> usize>,
    /// The bytes that this fan-out keeps.
    kept: Cell<usize>,
    /// The bytes that all fan-outs keep.
    all: Rc<KeptReplies>,
}

impl<'t> ReplyBudget<'t> {
    /// The budget of a fan-out with this limit, or without one of its own.
    pub fn new(
        limit: Option<ReplyLimit>,
        shared_total: &'t dyn Fn() -> usize,
        all: Rc<KeptReplies>,
    ) -> Self {
        Self {
            limit: limit.unwrap_or(ReplyLimit::of_memory(usize::MAX)),
            shared_total: limit.is_none().then_some(shared_total),
            kept: Cell::new(0),
            all,
        }
    }

    /// The outcome, without a reply that may not be kept.
    pub fn keep(&self, outcome: Outcome<Reply>) -> Outcome<Reply> {
        let Outcome::Done(reply) = outcome else { return outcome };
        let bytes = reply.bytes.len();
        if self.has_room(bytes) {
            self.kept.set(self.kept.get() + bytes);
            self.all.bytes.set(self.all.bytes.get() + bytes);
            Outcome::Done(reply)
        } else {
            Outcome::ReplyDropped { bytes, refunded: reply.refunded }
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.limit.per_call
            && self.kept.get().saturating_add(bytes) <= self.limit.total
            && self
                .shared_total
                .is_none_or(|total| self.all.bytes().saturating_add(bytes) <= total())
    }
}

impl Drop for ReplyBudget<'_> {
    /// Gives the bytes back to the other fan-outs.
    fn drop(&mut self) {
        self.all.bytes.set(self.all.bytes.get().saturating_sub(self.kept.get()));
    }
}
