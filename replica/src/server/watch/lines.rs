//! The latest lines of canister logs, for pages.

use crate::instance::Instance;
use crate::limits::{
    PAGE_LOG_BYTES_MAX, PAGE_LOG_LINE_BYTES_MAX, PAGE_LOG_LINE_OVERHEAD_BYTES,
    PAGE_LOG_MESSAGE_BYTES_MAX,
};
use crate::types::{CanisterId, Time};
use serde::Serialize;
use std::collections::VecDeque;

/// A line of a canister log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    canister: String,
    /// The index of the line in the log of the canister.
    index: u64,
    time_nanos: String,
    text: String,
}

/// What a page gets about logs.
#[derive(Debug, Serialize)]
pub(super) struct LineMessage<'a> {
    lines: Vec<&'a Line>,
    /// The number of lines that were left out before these.
    dropped: u64,
}

impl Line {
    /// A line with these bytes. Bytes that are not UTF-8 become the replacement character.
    pub(super) fn new(canister: CanisterId, index: u64, time: Time, bytes: &[u8]) -> Self {
        let shown = &bytes[..bytes.len().min(PAGE_LOG_LINE_BYTES_MAX)];
        let mut text = String::from_utf8_lossy(shown).into_owned();
        if shown.len() < bytes.len() {
            text.push('…');
        }
        let time_nanos = time.as_nanos().to_string();
        Self { canister: canister.to_string(), index, time_nanos, text }
    }

    fn bytes(&self) -> usize {
        self.text.len() + PAGE_LOG_LINE_OVERHEAD_BYTES
    }
}

/// The latest lines. The last ones were not sent yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: VecDeque<Line>,
    bytes: usize,
    unsent: usize,
    unsent_bytes: usize,
    dropped: u64,
}

impl Lines {
    /// The lines that the canisters of an instance have stored, in the order of their times.
    pub(super) fn stored(instance: &Instance) -> Self {
        let canisters = instance.network().subnets().flat_map(|subnet| subnet.canisters());
        let records = canisters.flat_map(|canister| {
            canister.log.records().map(move |record| (record.time, canister.id, record))
        });
        let mut records: Vec<_> = records.collect();
        records.sort_by_key(|(time, canister, record)| (*time, *canister, record.idx));
        let mut stored = Self::default();
        for (time, canister, record) in records {
            stored.push(Line::new(canister, record.idx, time, &record.content));
        }
        stored.take_message();
        stored.dropped = 0;
        stored
    }

    /// Adds a line, and forgets the oldest ones beyond the limits.
    pub(super) fn push(&mut self, line: Line) {
        self.bytes += line.bytes();
        self.unsent_bytes += line.bytes();
        self.lines.push_back(line);
        self.unsent += 1;
        while self.bytes > PAGE_LOG_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.bytes();
            if self.unsent > self.lines.len() {
                self.leave_out(oldest.bytes());
            }
        }
        while self.unsent_bytes > PAGE_LOG_MESSAGE_BYTES_MAX {
            let bytes = self.lines[self.lines.len() - self.unsent].bytes();
            self.leave_out(bytes);
        }
    }

    /// Does not send the oldest line that was not sent.
    fn leave_out(&mut self, bytes: usize) {
        self.unsent -= 1;
        self.unsent_bytes -= bytes;
        self.dropped += 1;
    }

    /// The lines that were not sent yet, which then count as sent. `None` if there are none.
    pub(super) fn take_message(&mut self) -> Option<LineMessage<'_>> {
        let unsent = std::mem::take(&mut self.unsent);
        self.unsent_bytes = 0;
        let dropped = std::mem::take(&mut self.dropped);
        let lines = self.lines.range(self.lines.len() - unsent..).collect();
        (unsent > 0).then_some(LineMessage { lines, dropped })
    }

    /// The lines that were sent and are remembered.
    pub(super) fn sent(&self) -> LineMessage<'_> {
        let sent = self.lines.len() - self.unsent;
        LineMessage { lines: self.lines.range(..sent).collect(), dropped: 0 }
    }
}

#[cfg(test)]
mod tests;
