//! What waits in the queues of a canister, over all pairs of queues. Every round and every message asks for it. So it
//! is kept, and not looked up in all pairs: a canister can have calls to many canisters open.

use super::pair::Pair;
use super::pairs::Pairs;
use crate::types::{Callee, Time};

/// What waits in all pairs of queues.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The number of messages in the output queues.
    outputs: usize,
    /// The peers to which messages wait. A peer can be listed twice, or without a message.
    receivers: Vec<Callee>,
    /// The peers whose pairs became idle, each once. A pair can be in use again.
    idle: Vec<Callee>,
    /// No message expires before this time. `None` if no message expires.
    earliest_expiry: Option<Time>,
}

impl Waiting {
    /// What waits in these pairs.
    pub(super) fn of(pairs: &mut Pairs) -> Self {
        let mut waiting = Self::default();
        for (peer, pair) in &mut pairs.0 {
            waiting.outputs += pair.output.len();
            waiting.receivers.extend((!pair.output.is_empty()).then_some(*peer));
            waiting.earliest_expiry = pair.expiries().chain(waiting.earliest_expiry).min();
            pair.is_listed_idle = false;
            waiting.note_idle(*peer, pair);
        }
        waiting
    }

    /// Notes a message in an output queue. `is_first` is true if the queue was empty.
    pub(super) fn note_output(&mut self, peer: Callee, is_first: bool, expiry: Option<Time>) {
        self.outputs += 1;
        if is_first {
            self.receivers.push(peer);
        }
        self.note_expiry(expiry);
    }

    /// Notes a message that expires.
    pub(super) fn note_expiry(&mut self, expiry: Option<Time>) {
        self.earliest_expiry = expiry.into_iter().chain(self.earliest_expiry).min();
    }

    /// Notes that a message has left its output queue.
    pub(super) fn note_sent(&mut self) {
        self.outputs -= 1;
    }

    /// Notes that a message is back in its output queue.
    pub(super) fn note_put_back(&mut self) {
        self.outputs += 1;
    }

    /// Notes the pair of a peer if it is idle.
    pub(super) fn note_idle(&mut self, peer: Callee, pair: &mut Pair) {
        if pair.is_idle() && !pair.is_listed_idle {
            pair.is_listed_idle = true;
            self.idle.push(peer);
        }
    }

    /// Whether a message is in an output queue.
    pub(super) fn has_output(&self) -> bool {
        self.outputs > 0
    }

    /// Whether a message may have expired at `now`.
    pub(super) fn may_have_expired(&self, now: Time) -> bool {
        self.earliest_expiry.is_some_and(|expiry| expiry < now)
    }

    /// Whether one of the pairs is idle.
    pub(super) fn has_idle(&self, pairs: &Pairs) -> bool {
        self.idle.iter().any(|peer| pairs.0.get(peer).is_some_and(Pair::is_idle))
    }

    /// Removes the idle pairs.
    pub(super) fn remove_idle(&mut self, pairs: &mut Pairs) {
        for peer in self.idle.drain(..) {
            if let Some(pair) = pairs.0.get_mut(&peer) {
                pair.is_listed_idle = false;
                if pair.is_idle() {
                    pairs.0.remove(&peer);
                }
            }
        }
    }

    /// The peers to which messages may wait, in ascending order.
    pub(super) fn receivers(&self) -> Vec<Callee> {
        sorted(self.receivers.clone())
    }

    /// Takes the peers to which messages may wait, in ascending order.
    pub(super) fn take_receivers(&mut self) -> Vec<Callee> {
        sorted(std::mem::take(&mut self.receivers))
    }

    /// Puts peers to which messages wait back. The memory of the list is used again.
    pub(super) fn put_receivers(&mut self, mut receivers: Vec<Callee>) {
        receivers.append(&mut self.receivers);
        self.receivers = receivers;
    }
}

/// The peers in ascending order, each once.
fn sorted(mut peers: Vec<Callee>) -> Vec<Callee> {
    peers.sort_unstable();
    peers.dedup();
    peers
}
