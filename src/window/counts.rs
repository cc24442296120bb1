//! How many calls are open, and how many the system refused to send.

use std::cell::Cell;

use crate::{ReasonKind, Summary};

/// Counts calls that are made at the same time, whether one fan-out makes them or several.
#[derive(Default)]
pub struct SendCounts {
    open: Cell<u32>,
    max_open: Cell<u32>,
    refused: Cell<u64>,
}

impl SendCounts {
    /// Notes that a call was sent.
    pub fn note_sent(&self) {
        self.open.set(self.open.get() + 1);
        self.max_open.set(self.max_open.get().max(self.open.get()));
    }

    /// Notes that an open call got its response.
    pub fn note_response(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    /// Notes that the system did not send a call, for a reason of this kind.
    pub fn note_refused(&self, kind: ReasonKind) {
        if kind.is_unsent() {
            self.refused.set(self.refused.get() + 1);
        }
    }

    /// The summary with these counts.
    pub fn summary(&self, summary: Summary) -> Summary {
        Summary { max_in_flight: self.max_open.get(), refused: self.refused.get(), ..summary }
    }
}
