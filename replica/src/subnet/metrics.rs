//! Metrics of a subnet.
//!
//! Rules: `SubnetMetrics` in the replica's repository, and the documentation of `SubnetMetricsResult` in
//! the crate `ic-management-canister-types`.

use crate::canister::Canister;
use crate::limits::STATE_BYTES_UPDATE_ROUNDS;
use crate::subnet::canisters::Canisters;
use crate::types::{Cycles, Instructions};
use serde::{Deserialize, Serialize};

/// The metrics of a subnet, as of the end of its latest round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The number of canisters.
    pub canisters: u64,
    /// The size of the state of all canisters, in bytes. Updated only in every tenth round.
    pub state_bytes: u64,
    /// Cycles that all canisters consumed, including deleted ones.
    pub consumed: Cycles,
    /// Executed messages, tasks and management calls.
    pub transactions: u64,
    /// Instructions that the rounds executed, with the overheads.
    pub instructions: Instructions,
}

/// Counts messages, instructions and consumed cycles for the metrics.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Meter {
    reported: Metrics,
    transactions: u64,
    instructions: Instructions,
    consumed_by_deleted: Cycles,
}

impl Meter {
    /// Counts one message, task or management call that was executed to its end.
    pub(super) fn count_transaction(&mut self) {
        self.transactions += 1;
    }

    /// Counts instructions, including overheads.
    pub(super) fn count_instructions(&mut self, instructions: i64) {
        self.instructions += instructions.unsigned_abs();
    }

    /// Counts the consumed cycles of a canister that is deleted. Its balance counts as consumed, too.
    pub(super) fn count_deleted(&mut self, canister: &Canister) {
        let consumed = canister.consumption.total().saturating_add(canister.balance);
        self.consumed_by_deleted = self.consumed_by_deleted.saturating_add(consumed);
    }

    /// Updates the metrics at the end of the round with number `rounds`.
    pub(super) fn end_round(&mut self, rounds: u64, canisters: &Canisters) {
        let state_bytes = || {
            let awake = canisters.awake().map(|canister| canister.memory_usage().total());
            canisters.asleep().state_bytes + awake.sum::<u64>()
        };
        self.reported = Metrics {
            canisters: canisters.len() as u64,
            state_bytes: match rounds % STATE_BYTES_UPDATE_ROUNDS {
                0 => state_bytes(),
                _ => self.reported.state_bytes,
            },
            consumed: canisters.consumed(self.consumed_by_deleted),
            transactions: self.transactions,
            instructions: self.instructions,
        };
    }

    /// The metrics.
    pub(super) fn metrics(&self) -> Metrics {
        self.reported
    }
}
