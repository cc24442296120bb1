//! What a subnet counts of itself.
//!
//! Rules: `SubnetMetrics` in the replica's repository, and how `SubnetMetricsResult` is documented
//! in the crate of the management canister's types.

use crate::canister::Canister;
use crate::limits::STATE_BYTES_UPDATE_ROUNDS;
use crate::types::{Cycles, Instructions};

/// What a subnet tells of itself, as of the end of its latest round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Its canisters.
    pub canisters: u64,
    /// Bytes of their state, which are counted in every tenth round only.
    pub state_bytes: u64,
    /// Cycles that canisters consumed, also those that are gone.
    pub consumed: Cycles,
    /// Messages, tasks and management calls that were executed.
    pub transactions: u64,
    /// Instructions that rounds were charged.
    pub instructions: Instructions,
}

/// Counts for the metrics.
#[derive(Debug, Default)]
pub(super) struct Meter {
    told: Metrics,
    transactions: u64,
    instructions: Instructions,
    consumed_by_deleted: Cycles,
}

impl Meter {
    /// Counts something that was executed to its end.
    pub(super) fn count_transaction(&mut self) {
        self.transactions += 1;
    }

    /// Counts instructions, those that only stand for other work, too.
    pub(super) fn count_instructions(&mut self, instructions: i64) {
        self.instructions += instructions.unsigned_abs();
    }

    /// Counts what a canister consumed that is being deleted: what it has left goes with it.
    pub(super) fn count_deleted(&mut self, canister: &Canister) {
        let consumed = canister.consumption.total().saturating_add(canister.balance);
        self.consumed_by_deleted = self.consumed_by_deleted.saturating_add(consumed);
    }

    /// Ends a round, of which there were so many.
    pub(super) fn end_round<'a>(
        &mut self,
        rounds: u64,
        canisters: impl Iterator<Item = &'a Canister> + Clone,
    ) {
        let consumed = canisters
            .clone()
            .map(|canister| canister.consumption.total())
            .fold(self.consumed_by_deleted, Cycles::saturating_add);
        self.told = Metrics {
            canisters: canisters.clone().count() as u64,
            state_bytes: match rounds % STATE_BYTES_UPDATE_ROUNDS {
                0 => canisters.map(|canister| canister.memory_usage().total()).sum(),
                _ => self.told.state_bytes,
            },
            consumed,
            transactions: self.transactions,
            instructions: self.instructions,
        };
    }

    /// The metrics.
    pub(super) fn metrics(&self) -> Metrics {
        self.told
    }
}
