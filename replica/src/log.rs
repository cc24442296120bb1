//! Canister logs, and the debug output of executions.
//!
//! A canister log keeps the latest records within a capacity in bytes. Sources:
//! `types/types/src/canister_log.rs` and
//! `replicated_state/src/canister_state/system_state/log_memory_store` in the replica's repository.

use crate::limits::*;
use crate::types::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One record of a canister log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The index of the record. Evicting or clearing records does not reset the indices.
    pub idx: u64,
    /// The time at which the record was written.
    pub time: Time,
    /// The content. By convention, this is UTF-8.
    #[serde(with = "serde_bytes")]
    pub content: Vec<u8>,
}

/// A buffer with the latest records, limited in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LogBuffer {
    records: VecDeque<LogRecord>,
    next_idx: u64,
    /// Bytes that each record counts for in addition to its content.
    record_bytes: usize,
    bytes: usize,
    bytes_max: usize,
}

impl LogBuffer {
    fn new(record_bytes: usize, bytes_max: usize) -> Self {
        Self { records: VecDeque::new(), next_idx: 0, record_bytes, bytes: 0, bytes_max }
    }

    /// Appends a record and evicts the oldest records that exceed the capacity.
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

/// The log of one execution: its debug output for display, and its records for the canister log.
/// The default is a log without capacity for records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Lines", into = "Lines")]
pub struct ExecutionLog {
    /// The capacity for records, in bytes.
    bytes_max: usize,
    /// The lines. `None` if there are none, as in most executions. Boxed, because the log moves often.
    lines: Option<Box<Lines>>,
}

/// The lines of an execution. A log is saved in this form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lines {
    records: LogBuffer,
    printed: VecDeque<String>,
    printed_bytes: usize,
}

impl Lines {
    fn with_capacity(bytes_max: usize) -> Self {
        let records = LogBuffer::new(MESSAGE_LOG_RECORD_BYTES, bytes_max);
        Self { records, printed: VecDeque::new(), printed_bytes: 0 }
    }

    fn is_empty(&self) -> bool {
        self.printed.is_empty() && self.records.records.is_empty()
    }
}

impl From<Lines> for ExecutionLog {
    fn from(lines: Lines) -> Self {
        let bytes_max = lines.records.bytes_max;
        Self { bytes_max, lines: (!lines.is_empty()).then(|| lines.into()) }
    }
}

impl From<ExecutionLog> for Lines {
    fn from(log: ExecutionLog) -> Self {
        log.lines.map_or_else(|| Self::with_capacity(log.bytes_max), |lines| *lines)
    }
}

impl ExecutionLog {
    /// A log for an execution of a canister whose log has the capacity `bytes_max`, in bytes. The capacity
    /// is at most [`MESSAGE_LOG_BYTES_MAX`].
    pub fn with_capacity(bytes_max: usize) -> Self {
        Self { bytes_max: bytes_max.min(MESSAGE_LOG_BYTES_MAX), lines: None }
    }

    /// The lines, for adding one.
    fn lines(&mut self) -> &mut Lines {
        self.lines.get_or_insert_with(|| Lines::with_capacity(self.bytes_max).into())
    }

    /// Adds a line to the debug output and to the records. The debug output has at most
    /// [`PRINTED_BYTES_MAX`] bytes of the line, and at most [`MESSAGE_PRINTED_BYTES_MAX`] in total.
    pub fn print(&mut self, now: Time, line: &[u8]) {
        let shown = &line[..line.len().min(PRINTED_BYTES_MAX)];
        let shown = String::from_utf8_lossy(shown).into_owned();
        let lines = self.lines();
        lines.printed_bytes += shown.len() + PRINTED_LINE_BYTES;
        lines.printed.push_back(shown);
        while lines.printed_bytes > MESSAGE_PRINTED_BYTES_MAX
            && let Some(oldest) = lines.printed.pop_front()
        {
            lines.printed_bytes -= oldest.len() + PRINTED_LINE_BYTES;
        }
        self.keep(now, line);
    }

    /// Adds a line to the records only. A line that exceeds the capacity is truncated.
    pub fn keep(&mut self, now: Time, line: &[u8]) {
        let bytes_max = self.bytes_max.saturating_sub(MESSAGE_LOG_RECORD_BYTES);
        let content = line[..line.len().min(bytes_max)].to_vec();
        let records = &mut self.lines().records;
        records.push(LogRecord { idx: records.next_idx, time: now, content });
    }

    /// Whether there is neither debug output nor a record.
    pub fn is_empty(&self) -> bool {
        self.lines.as_deref().is_none_or(Lines::is_empty)
    }

    /// The lines of debug output, oldest first.
    pub fn printed(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|lines| &lines.printed).map(String::as_str)
    }

    /// The capacity for records, in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The free part of the capacity, in bytes: records of this size do not evict others.
    pub fn bytes_free(&self) -> usize {
        let taken = self.lines.as_ref().map_or(0, |lines| lines.records.bytes);
        self.bytes_max.saturating_sub(taken)
    }
}

/// The log of a canister.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanisterLog(LogBuffer);

impl CanisterLog {
    /// Creates an empty log with a capacity of `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self(LogBuffer::new(CANISTER_LOG_RECORD_BYTES, bytes_max))
    }

    /// Changes the capacity to `bytes_max` bytes. Evicts the oldest records that exceed it.
    pub fn resize(&mut self, bytes_max: usize) {
        self.0.bytes_max = bytes_max;
        self.0.forget();
    }

    /// Removes all records. The next record continues the indices.
    pub fn clear(&mut self) {
        self.0.records.clear();
        self.0.bytes = 0;
    }

    /// Appends the records of an execution. A log without capacity drops them and does not advance the
    /// index.
    pub fn append(&mut self, log: ExecutionLog) {
        if self.0.bytes_max == 0 {
            return;
        }
        let first = self.0.next_idx;
        for record in log.lines.into_iter().flat_map(|lines| lines.records.records) {
            self.0.push(LogRecord { idx: first + record.idx, ..record });
        }
    }

    /// The index of the next record.
    pub fn next_index(&self) -> u64 {
        self.0.next_idx
    }

    /// The records, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &LogRecord> {
        self.0.records.iter()
    }

    /// The capacity, in bytes.
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
    fn indices_continue_across_executions_and_clearing() {
        let mut all = CanisterLog::new(CAPACITY);
        all.append(log(["a", "bb"]));
        all.append(log(["ccc"]));
        assert_eq!(kept(&all), [(0, 1), (1, 2), (2, 3)]);
        all.clear();
        all.append(log([""]));
        assert_eq!(kept(&all), [(3, 0)]);
    }

    #[test]
    fn the_overhead_of_a_record_is_40_bytes_in_an_execution_and_20_in_a_canister_log() {
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
    fn a_line_larger_than_the_capacity_is_truncated() {
        let mut all = CanisterLog::new(CAPACITY);
        all.append(log([[b'a'; 3 * CAPACITY]]));
        assert_eq!(kept(&all), [(0, CAPACITY - 40)]);
    }

    #[test]
    fn a_smaller_capacity_evicts_records_and_a_capacity_of_zero_drops_them_without_an_index() {
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
    fn debug_output_does_not_need_capacity_for_records() {
        let mut log = ExecutionLog::default();
        log.print(Time::GENESIS, "größer".as_bytes());
        log.print(Time::GENESIS, &[0xff; 2 * PRINTED_BYTES_MAX]);
        log.keep(Time::GENESIS, b"kept, not printed");
        let lengths: Vec<usize> = log.printed().map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [6, PRINTED_BYTES_MAX]);
        assert_eq!((log.bytes_max(), log.bytes_free()), (0, 0));
    }

    #[test]
    fn debug_output_keeps_the_latest_lines() {
        let mut log = ExecutionLog::default();
        for number in 0..200 {
            log.print(Time::GENESIS, format!("{number:1000}").as_bytes());
        }
        let shown: Vec<&str> = log.printed().map(str::trim).collect();
        let count = MESSAGE_PRINTED_BYTES_MAX / (1_000 + PRINTED_LINE_BYTES);
        assert_eq!(shown.len(), count);
        assert_eq!((shown[0], shown[count - 1]), (&*(200 - count).to_string(), "199"));
    }
}
