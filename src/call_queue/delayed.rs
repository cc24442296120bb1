//! The calls that wait for a point in time.

use std::cmp::Ordering;
use std::time::Duration;

use super::PendingCall;

/// A call that waits for a point in time. Ordered by that time, then by the position in the source.
#[derive(Debug)]
pub struct DelayedCall {
    pub due: Duration,
    pub call: PendingCall,
}

impl DelayedCall {
    fn key(&self) -> (Duration, u64) {
        (self.due, self.call.number)
    }
}

impl Ord for DelayedCall {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for DelayedCall {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DelayedCall {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for DelayedCall {}
