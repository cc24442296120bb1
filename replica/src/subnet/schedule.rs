//! Which canister comes first: by the priority each has accumulated.
//!
//! Rules: `execution_environment/src/scheduler/round_schedule.rs` in the replica's repository, as of
//! May 2026 (only active canisters are scheduled). In each round a canister gets its compute
//! allocation and pays for a full execution, if it had one; what is left of all of these payments is
//! distributed equally. So priorities come to zero in sum, and who waits rises. A message that takes
//! several rounds is paid for when it begins and, for the other rounds, when it ends; once begun, it
//! comes the sooner the more it has executed.

use crate::limits::{PAUSED_EXECUTIONS_MAX, SCHEDULER_THREADS, SUBNET_COMPUTE_CAPACITY_PERCENT};
use crate::types::{CanisterId, Time};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// In parts of a percent of a core, so that little is lost in division.
type Priority = i64;

const PERCENT: Priority = 1_000_000;
const FULL_EXECUTION: Priority = 100 * PERCENT;

/// Priorities do not go beyond these, however long somebody waits or executes.
const PRIORITY_MIN: Priority = -20 * FULL_EXECUTION;
const PRIORITY_MAX: Priority = 5 * FULL_EXECUTION;

/// What there is to know of a canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Whether it has something to execute.
    pub is_active: bool,
    /// Whether it has to wait, because it executed or wrote so much.
    pub has_to_rest: bool,
    /// In percent.
    pub compute_allocation: u64,
    /// When it began the message it is in the middle of.
    pub long_since: Option<Time>,
}

/// Priorities of the canisters that are active, or were not long ago.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    priorities: BTreeMap<CanisterId, Priority>,
    /// Full executions of the canisters in the middle of a message, since that began.
    executed_rounds: BTreeMap<CanisterId, i64>,
    /// Canisters that had a full execution in this round: they came first, or executed all they had,
    /// or a slice.
    fully_executed: BTreeSet<CanisterId>,
    /// Canisters that were in the middle of a message when the round began.
    long: BTreeSet<CanisterId>,
    /// Threads that have to do with these alone.
    long_threads: usize,
    has_begun: bool,
}

impl Schedule {
    /// Begins a round with all canisters of the subnet: decides how many threads those that are in the
    /// middle of a message have to themselves. It takes as many as what these may compute.
    pub(super) fn begin_round(&mut self, canisters: impl Iterator<Item = (CanisterId, State)>) {
        self.long.clear();
        let (mut all, mut taken, mut taken_by_long) = (0, 0, 0);
        for (id, state) in canisters {
            all += 1;
            taken += state.compute_allocation;
            if state.long_since.is_some() {
                taken_by_long += state.compute_allocation;
                self.long.insert(id);
            }
        }
        let long = self.long.len() as u64;
        let share = SUBNET_COMPUTE_CAPACITY_PERCENT.saturating_sub(taken) * PERCENT as u64 * long
            / all.max(1);
        let compute = taken_by_long * PERCENT as u64 + share;
        let threads = match long == all {
            true => SCHEDULER_THREADS,
            false => compute.div_ceil(FULL_EXECUTION as u64) as usize,
        };
        self.long_threads = threads.min(self.long.len());
    }

    /// Spreads those of the subnet's canisters over threads that are active in an iteration. Who has to
    /// rest pays for a full execution all the same.
    pub(super) fn threads(
        &mut self,
        canisters: impl Iterator<Item = (CanisterId, State)>,
    ) -> [Vec<CanisterId>; SCHEDULER_THREADS] {
        let (mut long, mut new) = (Vec::new(), Vec::new());
        for (id, state) in canisters {
            if state.has_to_rest && !self.has_begun {
                *self.priorities.entry(id).or_default() -= FULL_EXECUTION;
            }
            if state.has_to_rest || !state.is_active {
                continue;
            }
            let priority = *self.priorities.entry(id).or_default();
            match state.long_since {
                Some(since) => long.push((id, since)),
                // Who finished a long message in this round has had its turn.
                None if self.long.contains(&id) => {}
                None => new.push((Reverse(priority), id)),
            }
        }
        self.order_long(&mut long);
        new.sort_unstable();
        let long_threads = self.long_threads.min(long.len());
        let new_threads = SCHEDULER_THREADS - long_threads;
        if !self.has_begun {
            self.has_begun = true;
            self.fully_executed.extend(long.iter().take(long_threads).map(|(id, _)| *id));
            self.fully_executed.extend(new.iter().take(new_threads).map(|(_, id)| *id));
        }
        let mut threads = [const { Vec::new() }; SCHEDULER_THREADS];
        for (number, (id, _)) in long.into_iter().enumerate() {
            threads[number % long_threads].push(id);
        }
        for (number, (_, id)) in new.into_iter().enumerate() {
            threads[long_threads + number % new_threads].push(id);
        }
        threads
    }

    /// Puts canisters in the middle of a message in order. One that has to begin anew counts as if it
    /// had just begun.
    fn order_long(&self, long: &mut [(CanisterId, Time)]) {
        let executed = |id: &CanisterId| self.executed_rounds.get(id).copied().unwrap_or(0).max(1);
        let priority = |id: &CanisterId| self.priorities.get(id).copied().unwrap_or(0);
        long.sort_by_key(|(id, since)| (Reverse(executed(id)), Reverse(priority(id)), *since, *id));
    }

    /// The canisters whose message has to begin anew, because too many are paused.
    pub(super) fn too_many(&mut self, mut paused: Vec<(CanisterId, Time)>) -> Vec<CanisterId> {
        self.order_long(&mut paused);
        let aborted = paused.into_iter().skip(PAUSED_EXECUTIONS_MAX).map(|(id, _)| id);
        aborted.inspect(|id| _ = self.executed_rounds.remove(id)).collect()
    }

    /// Notes that a canister executed all it had, or a slice of a long message.
    pub(super) fn note_fully_executed(&mut self, canister: CanisterId) {
        self.fully_executed.insert(canister);
    }

    /// Ends the round: `state` tells of a canister what there is to know; nothing, if it is gone.
    pub(super) fn finish_round(&mut self, state: impl Fn(CanisterId) -> Option<State>) {
        let executed = std::mem::take(&mut self.fully_executed);
        self.has_begun = false;
        let mut distributed = 0;
        let mut sharing = Vec::new();
        let executed_rounds = &mut self.executed_rounds;
        self.priorities.retain(|canister, priority| {
            let Some(state) = state(*canister) else { return false };
            let executed = i64::from(executed.contains(canister));
            let before = executed_rounds.remove(canister).unwrap_or(0);
            let paid_for = match state.long_since {
                // The first round of a long message is paid for at once.
                Some(_) => {
                    executed_rounds.insert(*canister, before + executed);
                    i64::from(before == 0 && executed > 0 && !self.long.contains(canister))
                }
                // The other ones when it ends.
                None if before > 0 => (before + executed - 1).max(1),
                None => executed,
            };
            // Idle canisters spend what they have saved, as if they had executed.
            let spends_savings = !state.is_active && *priority > 0;
            *priority += state.compute_allocation as Priority * PERCENT;
            *priority -= paid_for.max(i64::from(spends_savings)) * FULL_EXECUTION;
            if !spends_savings {
                sharing.push(*canister);
            }
            distributed -= *priority;
            true
        });
        // Divided so that nothing is left over.
        for (given, canister) in sharing.iter().enumerate() {
            let share = distributed.max(0) / (sharing.len() - given) as Priority;
            distributed -= share;
            *self.priorities.entry(*canister).or_default() += share;
        }
        self.priorities.retain(|canister, priority| {
            *priority = (*priority).clamp(PRIORITY_MIN, PRIORITY_MAX);
            let is_active = state(*canister).is_some_and(|state| state.is_active);
            is_active || !(0..=FULL_EXECUTION).contains(priority)
        });
        let priorities = &self.priorities;
        self.executed_rounds.retain(|canister, _| priorities.contains_key(canister));
    }
}

#[cfg(test)]
mod tests;
