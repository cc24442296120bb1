//! The round schedule: the order in which canisters execute, by accumulated priority.
//!
//! In each round the priority of a canister rises by its compute allocation, and falls by 100 percent if
//! the canister had a full execution. The difference is distributed equally over all canisters, so that
//! the sum of all priorities is zero, and the priority of a canister that waits rises.
//!
//! An execution of several rounds (DTS) is paid for in its first round and, for all its other rounds,
//! when it ends. Among paused executions, the one that has executed most rounds comes first.
//!
//! Rules: `execution_environment/src/scheduler/round_schedule.rs` in the replica's repository, as of
//! May 2026 (only active canisters are scheduled).

use crate::limits::{PAUSED_EXECUTIONS_MAX, SCHEDULER_THREADS, SUBNET_COMPUTE_CAPACITY_PERCENT};
use crate::types::{CanisterId, Time};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A priority, in millionths of a percent of a core. The small unit keeps rounding errors small.
type Priority = i64;

const PERCENT: Priority = 1_000_000;
const FULL_EXECUTION: Priority = 100 * PERCENT;

/// The lowest and the highest priority, however long a canister executes or waits.
const PRIORITY_MIN: Priority = -20 * FULL_EXECUTION;
const PRIORITY_MAX: Priority = 5 * FULL_EXECUTION;

/// The properties of a canister that the schedule depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SchedulingState {
    /// Whether the canister has something to execute.
    pub is_active: bool,
    /// Whether the rate limits forbid the canister to execute in this round.
    pub is_rate_limited: bool,
    /// The compute allocation, in percent of a core.
    pub compute_allocation: u64,
    /// The time at which the paused message began. `None` if there is none.
    pub paused_since: Option<Time>,
}

/// The schedule of a subnet. It keeps the priorities of canisters that are or recently were active.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Schedule {
    priorities: BTreeMap<CanisterId, Priority>,
    /// Full executions of each canister with a paused message, since the message began.
    executed_rounds: BTreeMap<CanisterId, i64>,
    /// Canisters that had a full execution in this round: they were first on a thread, executed all
    /// they had, or executed a slice.
    fully_executed: BTreeSet<CanisterId>,
    /// Canisters that had a paused message when the round began.
    paused: BTreeSet<CanisterId>,
    /// The number of threads reserved for these canisters.
    paused_threads: usize,
    has_begun: bool,
}

impl Schedule {
    /// Begins a round with the canisters of the subnet: those that may have something to execute, and the number
    /// and the compute allocations of all `others`. Reserves threads for the canisters with paused messages, in
    /// proportion to the compute that these canisters are due.
    pub(super) fn begin_round(
        &mut self,
        canisters: impl Iterator<Item = (CanisterId, SchedulingState)>,
        others: u64,
        compute_of_others: u64,
    ) {
        self.paused.clear();
        let (mut all, mut taken, mut taken_by_paused) = (others, compute_of_others, 0);
        for (id, state) in canisters {
            all += 1;
            taken += state.compute_allocation;
            if state.paused_since.is_some() {
                taken_by_paused += state.compute_allocation;
                self.paused.insert(id);
            }
        }
        let paused = self.paused.len() as u64;
        let share = SUBNET_COMPUTE_CAPACITY_PERCENT.saturating_sub(taken) * PERCENT as u64 * paused
            / all.max(1);
        let compute = taken_by_paused * PERCENT as u64 + share;
        let threads = match paused == all {
            true => SCHEDULER_THREADS,
            false => compute.div_ceil(FULL_EXECUTION as u64) as usize,
        };
        self.paused_threads = threads.min(self.paused.len());
    }

    /// Distributes the active canisters of the subnet over the threads of one iteration. A rate-limited
    /// canister gets no thread, but pays for a full execution.
    pub(super) fn threads(
        &mut self,
        canisters: impl Iterator<Item = (CanisterId, SchedulingState)>,
    ) -> [Vec<CanisterId>; SCHEDULER_THREADS] {
        let (mut paused, mut new) = (Vec::new(), Vec::new());
        for (id, state) in canisters {
            if state.is_rate_limited && !self.has_begun {
                *self.priorities.entry(id).or_default() -= FULL_EXECUTION;
            }
            if state.is_rate_limited || !state.is_active {
                continue;
            }
            let priority = *self.priorities.entry(id).or_default();
            match state.paused_since {
                Some(since) => paused.push((id, since)),
                // It has ended a paused message in this round already.
                None if self.paused.contains(&id) => {}
                None => new.push((Reverse(priority), id)),
            }
        }
        self.order_paused(&mut paused);
        new.sort_unstable();
        let paused_threads = self.paused_threads.min(paused.len());
        let new_threads = SCHEDULER_THREADS - paused_threads;
        if !self.has_begun {
            self.has_begun = true;
            self.fully_executed.extend(paused.iter().take(paused_threads).map(|(id, _)| *id));
            self.fully_executed.extend(new.iter().take(new_threads).map(|(_, id)| *id));
        }
        let mut threads = [const { Vec::new() }; SCHEDULER_THREADS];
        for (number, (id, _)) in paused.into_iter().enumerate() {
            threads[number % paused_threads].push(id);
        }
        for (number, (_, id)) in new.into_iter().enumerate() {
            threads[paused_threads + number % new_threads].push(id);
        }
        threads
    }

    /// Whether a canister executes in the next iteration, if no other canister has anything to execute: the same as
    /// if [`threads`](Self::threads) put the canister, as the only one, on a thread. False in other cases, for which
    /// `threads` must be asked: in the first iteration of a round, and for paused messages.
    pub(super) fn goes_on_alone(&mut self, id: CanisterId, state: SchedulingState) -> bool {
        let goes_on = self.has_begun
            && state.is_active
            && !state.is_rate_limited
            && state.paused_since.is_none()
            && !self.paused.contains(&id);
        if goes_on {
            self.priorities.entry(id).or_default();
        }
        goes_on
    }

    /// Orders canisters with paused messages. A message that was aborted, and begins again, counts as if
    /// it had just begun.
    fn order_paused(&self, paused: &mut [(CanisterId, Time)]) {
        let executed = |id: &CanisterId| self.executed_rounds.get(id).copied().unwrap_or(0).max(1);
        let priority = |id: &CanisterId| self.priorities.get(id).copied().unwrap_or(0);
        paused
            .sort_by_key(|(id, since)| (Reverse(executed(id)), Reverse(priority(id)), *since, *id));
    }

    /// The canisters whose paused message must be aborted, because too many messages are paused.
    pub(super) fn exceeding_paused_limit(
        &mut self,
        mut paused: Vec<(CanisterId, Time)>,
    ) -> Vec<CanisterId> {
        self.order_paused(&mut paused);
        let aborted = paused.into_iter().skip(PAUSED_EXECUTIONS_MAX).map(|(id, _)| id);
        aborted.inspect(|id| _ = self.executed_rounds.remove(id)).collect()
    }

    /// Records that a canister executed all it had, or executed a slice.
    pub(super) fn record_full_execution(&mut self, canister: CanisterId) {
        self.fully_executed.insert(canister);
    }

    /// Ends the round and updates the priorities. `state` returns a canister's state, or nothing if the
    /// canister is deleted.
    pub(super) fn finish_round(&mut self, state: impl Fn(CanisterId) -> Option<SchedulingState>) {
        let executed = std::mem::take(&mut self.fully_executed);
        self.has_begun = false;
        let mut distributed = 0;
        let mut sharing = Vec::new();
        let executed_rounds = &mut self.executed_rounds;
        self.priorities.retain(|canister, priority| {
            let Some(state) = state(*canister) else { return false };
            let executed = i64::from(executed.contains(canister));
            let before = executed_rounds.remove(canister).unwrap_or(0);
            let paid_for = match state.paused_since {
                // The first round of a paused message is paid for at once.
                Some(_) => {
                    executed_rounds.insert(*canister, before + executed);
                    i64::from(before == 0 && executed > 0 && !self.paused.contains(canister))
                }
                // Its other rounds are paid for when it ends.
                None if before > 0 => (before + executed - 1).max(1),
                None => executed,
            };
            // An idle canister with a positive priority pays as if it had executed.
            let spends_savings = !state.is_active && *priority > 0;
            *priority += state.compute_allocation as Priority * PERCENT;
            *priority -= paid_for.max(i64::from(spends_savings)) * FULL_EXECUTION;
            if !spends_savings {
                sharing.push(*canister);
            }
            distributed -= *priority;
            true
        });
        // The shares add up to the whole amount, without a remainder.
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
