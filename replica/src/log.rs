//! Lines a canister printed, as many of the latest as fit.

use crate::limits::CANISTER_LOG_LINE_BYTES;
use crate::types::Time;
use std::collections::VecDeque;

/// The latest lines a canister printed, within a number of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    lines: VecDeque<(Time, String)>,
    bytes: usize,
}

impl Log {
    /// Adds a line, cut to what fits, and forgets the oldest ones beyond `bytes_max`.
    pub fn push(&mut self, now: Time, mut line: String, bytes_max: usize) {
        line.truncate(line.floor_char_boundary(bytes_max.saturating_sub(CANISTER_LOG_LINE_BYTES)));
        self.bytes += line.len() + CANISTER_LOG_LINE_BYTES;
        self.lines.push_back((now, line));
        while self.bytes > bytes_max {
            let Some((_, oldest)) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + CANISTER_LOG_LINE_BYTES;
        }
    }

    /// The lines, the oldest first, each with the time it was printed at.
    pub fn lines(&self) -> impl Iterator<Item = (Time, &str)> {
        self.lines.iter().map(|(time, line)| (*time, line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(log: &Log) -> Vec<&str> {
        log.lines().map(|(_, line)| line).collect()
    }

    #[test]
    fn the_latest_lines_are_kept() {
        let mut log = Log::default();
        for line in ["first", "second", "third"] {
            log.push(Time::GENESIS, line.into(), 2 * CANISTER_LOG_LINE_BYTES + 11);
        }
        assert_eq!(lines(&log), ["second", "third"]);
    }

    #[test]
    fn empty_lines_count_and_long_ones_are_cut() {
        let mut log = Log::default();
        for _ in 0..100 {
            log.push(Time::GENESIS, String::new(), 10 * CANISTER_LOG_LINE_BYTES);
        }
        assert_eq!(lines(&log).len(), 10);
        log.push(Time::GENESIS, "ä".repeat(100), CANISTER_LOG_LINE_BYTES + 5);
        assert_eq!(lines(&log), ["ää"]);
        log.push(Time::GENESIS, "lost".into(), 0);
        assert!(lines(&log).is_empty());
    }
}
