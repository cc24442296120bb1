//! Which canister comes first: by the priority each has accumulated.
//!
//! Rules: `execution_environment/src/scheduler/round_schedule.rs` in the replica's repository, as of
//! May 2026 (only active canisters are scheduled). In each round a canister gets its compute
//! allocation and pays for a full execution, if it had one; what is left of all of these payments is
//! distributed equally. So priorities come to zero in sum, and who waits rises.

use crate::limits::SCHEDULER_THREADS;
use crate::types::CanisterId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// In parts of a percent of a core, so that little is lost in division.
type Priority = i64;

const PERCENT: Priority = 1_000_000;
const FULL_EXECUTION: Priority = 100 * PERCENT;

/// Priorities do not go beyond these, however long somebody waits or executes.
const PRIORITY_MIN: Priority = -20 * FULL_EXECUTION;
const PRIORITY_MAX: Priority = 5 * FULL_EXECUTION;

/// Priorities of the canisters that are active, or were not long ago.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    priorities: BTreeMap<CanisterId, Priority>,
    /// Canisters that had a full execution in this round: they came first, or executed all they had.
    fully_executed: BTreeSet<CanisterId>,
    has_begun: bool,
}

impl Schedule {
    /// Puts the canisters that are active in an iteration in order.
    pub(super) fn order(&mut self, active: &mut [CanisterId]) {
        for canister in active.iter() {
            self.priorities.entry(*canister).or_default();
        }
        active.sort_by_key(|canister| (Reverse(self.priorities[canister]), *canister));
        if !self.has_begun {
            self.has_begun = true;
            self.fully_executed.extend(active.iter().take(SCHEDULER_THREADS));
        }
    }

    /// Notes that a canister executed all it had.
    pub(super) fn note_idle(&mut self, canister: CanisterId) {
        self.fully_executed.insert(canister);
    }

    /// Ends the round: `state` tells of a canister whether it is active and its compute allocation in
    /// percent; nothing, if it is gone.
    pub(super) fn finish_round(&mut self, state: impl Fn(CanisterId) -> Option<(bool, u64)>) {
        let executed = std::mem::take(&mut self.fully_executed);
        self.has_begun = false;
        let mut distributed = 0;
        let mut sharing = Vec::new();
        self.priorities.retain(|canister, priority| {
            let Some((is_active, compute_allocation)) = state(*canister) else { return false };
            // Idle canisters spend what they have saved, as if they had executed.
            let spends_savings = !is_active && *priority > 0;
            *priority += compute_allocation as Priority * PERCENT;
            if executed.contains(canister) || spends_savings {
                *priority -= FULL_EXECUTION;
            }
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
            let is_active = state(*canister).is_some_and(|(is_active, _)| is_active);
            is_active || !(0..=FULL_EXECUTION).contains(priority)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::canister_id;

    /// How often each of so many canisters comes first, all of them being active all the time, with
    /// these compute allocations.
    fn firsts(allocations: &[u64], rounds: usize) -> Vec<usize> {
        let ids: Vec<CanisterId> = (0..allocations.len() as u64).map(canister_id).collect();
        let number = |id| ids.iter().position(|known| *known == id).expect("it is known");
        let mut schedule = Schedule::default();
        let mut firsts = vec![0; ids.len()];
        for _ in 0..rounds {
            let mut active = ids.clone();
            schedule.order(&mut active);
            for id in &active[..SCHEDULER_THREADS] {
                firsts[number(*id)] += 1;
            }
            schedule.finish_round(|id| Some((true, allocations[number(id)])));
        }
        firsts
    }

    #[test]
    fn canisters_without_allocation_come_first_equally_often() {
        assert_eq!(firsts(&[0; 8], 40), [20; 8]);
        assert_eq!(firsts(&[0; 5], 50), [40; 5]);
    }

    #[test]
    fn a_compute_allocation_is_a_share_of_a_core() {
        let firsts = firsts(&[100, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 120);
        assert!(firsts[0] >= 119, "{firsts:?}");
        assert!(firsts[1] >= 60, "{firsts:?}");
        assert!(firsts[2..].iter().all(|count| (20..60).contains(count)), "{firsts:?}");
    }

    #[test]
    fn a_canister_that_rests_is_forgotten_once_it_has_made_up_for_what_it_executed() {
        let ids: Vec<CanisterId> = (0..6).map(canister_id).collect();
        let mut schedule = Schedule::default();
        for _ in 0..3 {
            schedule.order(&mut ids.clone());
            schedule.finish_round(|_| Some((true, 0)));
        }
        let mut rounds = 0;
        while !schedule.priorities.is_empty() {
            schedule.finish_round(|_| Some((false, 0)));
            rounds += 1;
            assert!(rounds < 20, "{schedule:?}");
        }
        assert!(rounds > 0);
        schedule.order(&mut ids.clone());
        schedule.finish_round(|_| None);
        assert!(schedule.priorities.is_empty(), "of canisters that are gone nothing is kept");
    }
}
