//! What canisters print: for whoever watches, and as records that are kept.
//!
//! Records: `types/types/src/canister_log.rs` and
//! `replicated_state/src/canister_state/system_state/log_memory_store` in the replica's repository.

use crate::limits::*;
use crate::types::Time;
use std::collections::VecDeque;

/// One line of a canister's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its number; numbers go on when records are forgotten.
    pub idx: u64,
    /// When it was written.
    pub time: Time,
    /// What was written, by convention UTF-8.
    pub content: Vec<u8>,
}

/// The latest records, within a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LogBuffer {
    records: VecDeque<LogRecord>,
    next_idx: u64,
    /// What a record counts for beside its content.
    record_bytes: usize,
    bytes: usize,
    bytes_max: usize,
}

impl LogBuffer {
    fn new(record_bytes: usize, bytes_max: usize) -> Self {
        Self { records: VecDeque::new(), next_idx: 0, record_bytes, bytes: 0, bytes_max }
    }

    /// Adds a record that is not too large, and forgets the oldest ones there is no room for.
    fn push(&mut self, record: LogRecord) {
        self.next_idx = record.idx + 1;
        self.bytes += self.record_bytes + record.content.len();
        self.records.push_back(record);
        self.forget();
    }

    fn forget(&mut self) {
        while self.bytes > self.bytes_max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.records.pop_front() {
            self.bytes -= self.record_bytes + oldest.content.len();
        }
    }
}

/// What one execution prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionLog {
    records: LogBuffer,
    printed: VecDeque<String>,
    printed_bytes: usize,
}

impl Default for ExecutionLog {
    /// Of an execution that keeps no records.
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl ExecutionLog {
    /// The log of an execution whose canister keeps `bytes_max` of records.
    pub fn with_capacity(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(MESSAGE_LOG_BYTES_MAX);
        let records = Records::new(MESSAGE_LOG_RECORD_BYTES, bytes_max);
        Self { records, printed: VecDeque::new(), printed_bytes: 0 }
    }

    /// Prints a line, and keeps it.
    pub fn print(&mut self, now: Time, line: &[u8]) {
        let shown = &line[..line.len().min(PRINTED_BYTES_MAX)];
        let shown = String::from_utf8_lossy(shown).into_owned();
        self.printed_bytes += shown.len() + PRINTED_LINE_BYTES;
        self.printed.push_back(shown);
        while self.printed_bytes > MESSAGE_PRINTED_BYTES_MAX
            && let Some(oldest) = self.printed.pop_front()
        {
            self.printed_bytes -= oldest.len() + PRINTED_LINE_BYTES;
        }
        self.keep(now, line);
    }

    /// Keeps a line, cut to what there is room for at all.
    pub fn keep(&mut self, now: Time, line: &[u8]) {
        let bytes_max = self.records.bytes_max.saturating_sub(MESSAGE_LOG_RECORD_BYTES);
        let content = line[..line.len().min(bytes_max)].to_vec();
        self.records.push(LogRecord { idx: self.records.next_idx, time: now, content });
    }

    /// The lines that were printed, the oldest first.
    pub fn printed(&self) -> impl Iterator<Item = &str> {
        self.printed.iter().map(String::as_str)
    }

    /// Bytes of records that are kept at most.
    pub fn bytes_max(&self) -> usize {
        self.records.bytes_max
    }

    /// Bytes of records for which no other has to be forgotten.
    pub fn bytes_free(&self) -> usize {
        self.records.bytes_max.saturating_sub(self.records.bytes)
    }
}

/// The log of a canister.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanisterLog(LogBuffer);

impl CanisterLog {
    /// A log that keeps `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self(Records::new(CANISTER_LOG_RECORD_BYTES, bytes_max))
    }

    /// Keeps `bytes_max` from now on.
    pub fn resize(&mut self, bytes_max: usize) {
        self.0.bytes_max = bytes_max;
        self.0.forget();
    }

    /// Forgets all records, but not how many there were.
    pub fn clear(&mut self) {
        self.0.records.clear();
        self.0.bytes = 0;
    }

    /// Adds what an execution left. A log that keeps nothing does not count either.
    pub fn append(&mut self, log: ExecutionLog) {
        if self.0.bytes_max == 0 {
            return;
        }
        let first = self.0.next_idx;
        for record in log.records.records {
            self.0.push(LogRecord { idx: first + record.idx, ..record });
        }
    }

    /// The records, the oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &LogRecord> {
        self.0.records.iter()
    }

    /// Bytes of records that are kept at most.
    pub fn bytes_max(&self) -> usize {
        self.0.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 4_096;

    fn log<const N: usize>(lines: [impl AsRef<[u8]>; N]) -> ExecutionLog {
        let mut log = ExecutionLog::with_capacity(CAPACITY);
        for line in lines {
            log.print(Time::GENESIS, line.as_ref());
        }
        log
    }

    fn kept(log: &CanisterLog) -> Vec<(u64, usize)> {
        log.records().map(|record| (record.idx, record.content.len())).collect()
    }

    #[test]
    fn records_are_numbered_across_executions_and_clearing() {
        let mut all = CanisterLog::new(CAPACITY);
        all.append(log(["a", "bb"]));
        all.append(log(["ccc"]));
        assert_eq!(kept(&all), [(0, 1), (1, 2), (2, 3)]);
        all.clear();
        all.append(log([""]));
        assert_eq!(kept(&all), [(3, 0)]);
    }

    #[test]
    fn one_execution_keeps_what_fits_with_40_bytes_a_record_and_a_canister_with_20() {
        let three = log([[0; 1_000]; 4]);
        assert_eq!(three.bytes_free(), CAPACITY - 3 * 1_040);
        let mut all = CanisterLog::new(CAPACITY);
        all.append(three);
        assert_eq!(kept(&all), [(1, 1_000), (2, 1_000), (3, 1_000)]);
        all.append(log([[0; 1_016]]));
        assert_eq!(kept(&all), [(1, 1_000), (2, 1_000), (3, 1_000), (4, 1_016)]);
        all.append(log(["x"]));
        assert_eq!(kept(&all), [(2, 1_000), (3, 1_000), (4, 1_016), (5, 1)]);
    }

    #[test]
    fn a_line_larger_than_the_log_is_cut() {
        let mut all = CanisterLog::new(CAPACITY);
        all.append(log([[b'a'; 3 * CAPACITY]]));
        assert_eq!(kept(&all), [(0, CAPACITY - 40)]);
    }

    #[test]
    fn a_smaller_log_forgets_and_one_of_no_bytes_neither_keeps_nor_counts() {
        let mut all = CanisterLog::new(2 * CAPACITY);
        all.append(log([[0; 1_000]; 3]));
        all.resize(2_100);
        assert_eq!(kept(&all), [(1, 1_000), (2, 1_000)]);
        all.resize(0);
        all.append(log(["lost"]));
        assert_eq!(kept(&all), []);
        all.resize(CAPACITY);
        all.append(log(["kept"]));
        assert_eq!(kept(&all), [(3, 4)]);
    }

    #[test]
    fn what_is_printed_is_shown_even_where_nothing_is_kept() {
        let mut log = ExecutionLog::default();
        log.print(Time::GENESIS, "größer".as_bytes());
        log.print(Time::GENESIS, &[0xff; 2 * PRINTED_BYTES_MAX]);
        log.keep(Time::GENESIS, b"kept, not printed");
        let lengths: Vec<usize> = log.printed().map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [6, PRINTED_BYTES_MAX]);
        assert_eq!((log.bytes_max(), log.bytes_free()), (0, 0));
    }

    #[test]
    fn the_latest_lines_are_shown() {
        let mut log = ExecutionLog::default();
        for number in 0..200 {
            log.print(Time::GENESIS, format!("{number:1000}").as_bytes());
        }
        let shown: Vec<&str> = log.printed().map(str::trim).collect();
        let room = MESSAGE_PRINTED_BYTES_MAX / (1_000 + PRINTED_LINE_BYTES);
        assert_eq!(shown.len(), room);
        assert_eq!((shown[0], shown[room - 1]), (&*(200 - room).to_string(), "199"));
    }
}
