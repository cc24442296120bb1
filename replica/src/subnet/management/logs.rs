//! The management call that reads a canister's log.
//!
//! Rules: interface specification, `fetch_canister_logs`; `canister_logs.rs` in the replica's
//! repository.

use super::Call;
use crate::error::UserError;
use crate::ic00::encode;
use crate::limits::*;
use crate::log::{CanisterLog, LogRecord};
use crate::subnet::Subnet;
use crate::types::{Instructions, Payload};
use ic_management_canister_types::{
    CanisterLogFilter, CanisterLogRecord, FetchCanisterLogsArgs, FetchCanisterLogsResult,
};

impl Subnet {
    pub(super) fn fetch_canister_logs(&mut self, call: &Call) -> Result<Payload, UserError> {
        let FetchCanisterLogsArgs { canister_id, filter } = call.decode()?;
        let records =
            selected(&self.authorized_canister(call, canister_id.into())?.log, filter.as_ref());
        let bytes: usize = records.iter().map(|record| record.content.len()).sum();
        let instructions = FETCH_LOGS_INSTRUCTIONS
            + FETCH_LOGS_RECORD_INSTRUCTIONS * records.len() as Instructions
            + FETCH_LOGS_BYTE_INSTRUCTIONS * bytes as Instructions;
        let canister_log_records = records.into_iter().map(|record| CanisterLogRecord {
            idx: record.idx,
            timestamp_nanos: record.time.as_nanos(),
            content: record.content.clone(),
        });
        let canister_log_records = canister_log_records.collect();
        let reply = encode((FetchCanisterLogsResult { canister_log_records },));
        self.spend(instructions);
        Ok(reply)
    }
}

/// The selected records, as many as fit into a response: without a filter the latest records, with a
/// filter the earliest.
fn selected<'a>(log: &'a CanisterLog, filter: Option<&CanisterLogFilter>) -> Vec<&'a LogRecord> {
    let mut left = FETCH_LOGS_RESPONSE_BYTES_MAX;
    let mut fits = |record: &&LogRecord| {
        let rest = left.checked_sub(CANISTER_LOG_RECORD_BYTES + record.content.len());
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let Some(filter) = filter else {
        let mut latest: Vec<&LogRecord> = log.records().rev().take_while(&mut fits).collect();
        latest.reverse();
        return latest;
    };
    let is_wanted = |record: &&LogRecord| match filter {
        CanisterLogFilter::ByIdx { start, end } => (*start..*end).contains(&record.idx),
        CanisterLogFilter::ByTimestampNanos { start, end } => {
            (*start..*end).contains(&record.time.as_nanos())
        }
    };
    log.records().filter(is_wanted).take_while(&mut fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ExecutionLog;
    use crate::types::Time;

    /// A log of four records, of which three fit into a response.
    fn log() -> CanisterLog {
        let line = vec![b'x'; FETCH_LOGS_RESPONSE_BYTES_MAX / 4];
        let mut all = CanisterLog::new(CANISTER_LOG_BYTES_MAX + FETCH_LOGS_RESPONSE_BYTES_MAX);
        for second in 0..4 {
            let mut log = ExecutionLog::with_capacity(MESSAGE_LOG_BYTES_MAX);
            log.keep(Time::GENESIS.plus_secs(second), &line);
            all.append(log);
        }
        all
    }

    fn numbers(filter: Option<CanisterLogFilter>) -> Vec<u64> {
        selected(&log(), filter.as_ref()).iter().map(|record| record.idx).collect()
    }

    #[test]
    fn the_oldest_records_are_left_out_or_with_a_filter_the_newest() {
        assert_eq!(numbers(None), [1, 2, 3]);
        assert_eq!(numbers(Some(CanisterLogFilter::ByIdx { start: 0, end: 9 })), [0, 1, 2]);
    }

    #[test]
    fn a_range_includes_its_start_and_excludes_its_end() {
        assert_eq!(numbers(Some(CanisterLogFilter::ByIdx { start: 1, end: 3 })), [1, 2]);
        assert_eq!(numbers(Some(CanisterLogFilter::ByIdx { start: 3, end: 1 })), [0; 0]);
        let start = Time::GENESIS.plus_secs(1).as_nanos();
        let end = Time::GENESIS.plus_secs(2).as_nanos();
        assert_eq!(numbers(Some(CanisterLogFilter::ByTimestampNanos { start, end })), [1]);
    }
}
