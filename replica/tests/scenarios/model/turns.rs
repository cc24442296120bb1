//! The order of the canisters in the model. A canister that executes pays with priority, which all canisters share; a
//! canister that waits gains priority. Canisters with a paused execution have threads of their own.

use super::*;
use std::cmp::Reverse;
use std::collections::BTreeSet;

const THREADS: usize = 4;
const PAUSED_MAX: usize = 4;
/// Cores a subnet gives to its canisters.
const CORES: usize = 3;
const TURN: i64 = 100_000_000;

/// The turns of one subnet's canisters.
#[derive(Default)]
pub(super) struct Turns {
    priorities: BTreeMap<usize, i64>,
    /// Rounds of what canisters are in the middle of.
    rounds: BTreeMap<usize, i64>,
    /// Who had a turn in this round.
    had: BTreeSet<usize>,
    /// Who was in the middle of something when this round began.
    long: BTreeSet<usize>,
    long_threads: usize,
    is_first: bool,
}

impl Model<'_> {
    pub(super) fn begin_turns(&mut self, subnet: usize) {
        let here = self.on(subnet);
        let long: BTreeSet<usize> =
            here.iter().copied().filter(|index| self.canisters[*index].paused.is_some()).collect();
        let all_are = long.len() == here.len();
        let threads = if all_are { THREADS } else { (CORES * long.len()).div_ceil(here.len()) };
        let turns = &mut self.subnets[subnet].turns;
        turns.long_threads = threads.min(long.len());
        turns.long = long;
        turns.is_first = true;
    }

    /// Which canisters execute, on which thread, in which order.
    pub(super) fn threads(&mut self, subnet: usize) -> Vec<Vec<usize>> {
        let here = self.on(subnet);
        let turns = &self.subnets[subnet].turns;
        let is_long = |index: &usize| self.canisters[*index].paused.is_some();
        let long: Vec<usize> = here.iter().copied().filter(is_long).collect();
        let mut new = here;
        new.retain(|index| {
            self.has_input(*index) && !is_long(index) && !turns.long.contains(index)
        });
        new.sort_by_key(|index| {
            (Reverse(turns.priorities.get(index).copied().unwrap_or(0)), *index)
        });
        let long = self.in_order(subnet, long);
        let long_threads = turns.long_threads.min(long.len());
        let mut threads = vec![Vec::new(); THREADS];
        let turns = &mut self.subnets[subnet].turns;
        let [mut firsts_of_long, mut firsts_of_new] = [0, 0];
        if std::mem::take(&mut turns.is_first) {
            (firsts_of_long, firsts_of_new) = (long_threads, THREADS - long_threads);
        }
        turns.had.extend(long.iter().take(firsts_of_long).chain(new.iter().take(firsts_of_new)));
        for (number, index) in long.into_iter().enumerate() {
            turns.priorities.entry(index).or_default();
            threads[number % long_threads].push(index);
        }
        for (number, index) in new.into_iter().enumerate() {
            turns.priorities.entry(index).or_default();
            threads[long_threads + number % (THREADS - long_threads)].push(index);
        }
        threads
    }

    /// Those in the middle of something: who has had more rounds of it comes first.
    fn in_order(&self, subnet: usize, mut long: Vec<usize>) -> Vec<usize> {
        let turns = &self.subnets[subnet].turns;
        long.sort_by_key(|index| {
            let rounds = turns.rounds.get(index).copied().unwrap_or(0).max(1);
            let priority = turns.priorities.get(index).copied().unwrap_or(0);
            let since = self.canisters[*index].paused.as_ref().map(|paused| paused.begun.now);
            (Reverse(rounds), Reverse(priority), since, *index)
        });
        long
    }

    pub(super) fn had_its_turn(&mut self, index: usize) {
        let subnet = self.canisters[index].subnet;
        self.subnets[subnet].turns.had.insert(index);
    }

    /// Only so many can be in the middle of something; others begin anew.
    pub(super) fn begin_some_anew(&mut self, subnet: usize) {
        let mut long = self.on(subnet);
        let ran = |paused: &Paused| paused.done > 0;
        long.retain(|index| self.canisters[*index].paused.as_ref().is_some_and(ran));
        for index in self.in_order(subnet, long).into_iter().skip(PAUSED_MAX) {
            let paused = self.canisters[index].paused.as_mut();
            paused.expect("it is in the middle of it").done = 0;
            self.subnets[subnet].turns.rounds.remove(&index);
        }
    }

    pub(super) fn finish_turns(&mut self, subnet: usize) {
        let Turns { priorities, rounds, had, long, .. } =
            std::mem::take(&mut self.subnets[subnet].turns);
        let mut turns = Turns::default();
        let mut sharing = Vec::new();
        for (index, priority) in priorities {
            let canister = &self.canisters[index];
            if !canister.exists {
                continue;
            }
            let (had, before) = (had.contains(&index), rounds.get(&index).copied().unwrap_or(0));
            let mut turns_to_pay = i64::from(had);
            if canister.paused.is_some() {
                turns.rounds.insert(index, before + i64::from(had));
                // The first round of it at once, the others when it ends.
                turns_to_pay = i64::from(had && before == 0 && !long.contains(&index));
            } else if before > 0 {
                turns_to_pay = (before + i64::from(had) - 1).max(1);
            }
            if priority > 0 && !self.is_active(index) {
                turns_to_pay = turns_to_pay.max(1);
            } else {
                sharing.push(index);
            }
            turns.priorities.insert(index, priority - turns_to_pay * TURN);
        }
        let mut left = -turns.priorities.values().sum::<i64>();
        for (number, index) in sharing.iter().enumerate() {
            let share = left.max(0) / (sharing.len() - number) as i64;
            left -= share;
            *turns.priorities.entry(*index).or_default() += share;
        }
        turns.priorities.retain(|index, priority| {
            *priority = (*priority).clamp(-20 * TURN, 5 * TURN);
            self.is_active(*index) || !(0..=TURN).contains(priority)
        });
        turns.rounds.retain(|index, _| turns.priorities.contains_key(index));
        self.subnets[subnet].turns = turns;
    }

    fn is_active(&self, index: usize) -> bool {
        self.canisters[index].paused.is_some() || self.has_input(index)
    }
}
