//! Priorities over many rounds, and the threads reserved for paused messages.

use super::*;
use crate::topology::canister_id;

/// The state of a canister that has something to execute.
fn state(compute_allocation: u64, paused_since: Option<Time>) -> SchedulingState {
    SchedulingState { is_active: true, is_rate_limited: false, compute_allocation, paused_since }
}

/// How often each canister is first on a thread, if all of them are always active and have these compute
/// allocations.
fn firsts(allocations: &[u64], rounds: usize) -> Vec<usize> {
    let ids: Vec<CanisterId> = (0..allocations.len() as u64).map(canister_id).collect();
    let number = |id| ids.iter().position(|known| *known == id).expect("it is known");
    let mut schedule = Schedule::default();
    let mut firsts = vec![0; ids.len()];
    for _ in 0..rounds {
        let state = |id| state(allocations[number(id)], None);
        schedule.begin_round(ids.iter().map(|id| (*id, state(*id))), 0, 0);
        for thread in schedule.threads(ids.iter().map(|id| (*id, state(*id)))) {
            firsts[number(thread[0])] += 1;
        }
        schedule.finish_round(|id| Some(state(id)));
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
fn a_rate_limited_canister_is_on_no_thread_and_pays_as_if_it_had_executed() {
    let ids: Vec<CanisterId> = (0..6).map(canister_id).collect();
    let limited = |id| SchedulingState { is_rate_limited: id == ids[0], ..state(0, None) };
    let idle = SchedulingState { is_active: false, ..limited(ids[0]) };
    let paused = SchedulingState { paused_since: Some(Time::default()), ..limited(ids[0]) };
    for limited_state in [limited(ids[0]), idle, paused] {
        let mut schedule = Schedule::default();
        let states = || {
            let others = ids[1..].iter().map(|id| (*id, state(0, None)));
            others.chain([(ids[0], limited_state)])
        };
        schedule.begin_round(states(), 0, 0);
        let threads = schedule.threads(states());
        assert!(threads.iter().all(|thread| !thread.contains(&ids[0])), "{threads:?}");
        // Five others for four threads: the last one has not been first.
        schedule.finish_round(|_| Some(state(0, None)));
        assert!(schedule.priorities[&ids[0]] < schedule.priorities[&ids[5]], "{schedule:?}");
        assert_eq!(schedule.priorities[&ids[0]], schedule.priorities[&ids[1]]);
        assert_eq!(schedule.executed_rounds.get(&ids[0]), None);
    }
}

#[test]
fn an_idle_canister_is_forgotten_once_its_priority_is_back_to_zero() {
    let ids: Vec<CanisterId> = (0..6).map(canister_id).collect();
    let mut schedule = Schedule::default();
    for _ in 0..3 {
        let _ = schedule.threads(ids.iter().map(|id| (*id, state(0, None))));
        schedule.finish_round(|_| Some(state(0, None)));
    }
    let mut rounds = 0;
    while !schedule.priorities.is_empty() {
        schedule.finish_round(|_| Some(SchedulingState { is_active: false, ..state(0, None) }));
        rounds += 1;
        assert!(rounds < 20, "{schedule:?}");
    }
    assert!(rounds > 0);
    let _ = schedule.threads(ids.iter().map(|id| (*id, state(0, None))));
    schedule.finish_round(|_| None);
    assert!(schedule.priorities.is_empty(), "of canisters that are gone nothing is kept");
}

/// The threads of a round with `all` canisters, of which the first `paused` have a paused message.
fn threads(schedule: &mut Schedule, all: u64, paused: u64) -> [Vec<u64>; SCHEDULER_THREADS] {
    let states = (0..all).map(|number| {
        let paused_since = (number < paused).then_some(Time::GENESIS);
        (canister_id(number), state(0, paused_since))
    });
    schedule.begin_round(states.clone(), 0, 0);
    let number = |id| (0..all).find(|number| canister_id(*number) == id).expect("it is known");
    schedule.threads(states).map(|thread| thread.into_iter().map(number).collect())
}

#[test]
fn paused_messages_get_threads_of_their_own_in_proportion_to_their_compute() {
    // Of 300 percent, 4 of 12 canisters are due 100 percent; 4 of 9 are due more than that.
    let threads_of = |all, paused| threads(&mut Schedule::default(), all, paused);
    assert_eq!(threads_of(12, 4), [vec![0, 1, 2, 3], vec![4, 7, 10], vec![5, 8, 11], vec![6, 9]]);
    assert_eq!(threads_of(9, 4), [vec![0, 2], vec![1, 3], vec![4, 6, 8], vec![5, 7]]);
    assert_eq!(threads_of(5, 5), [vec![0, 4], vec![1], vec![2], vec![3]]);
    assert_eq!(threads_of(3, 1), [vec![0], vec![1], vec![2], vec![]]);
}

#[test]
fn a_canister_that_has_ended_a_paused_message_begins_no_other_in_this_round() {
    let mut schedule = Schedule::default();
    threads(&mut schedule, 3, 1);
    let ended = (0..3).map(|number| (canister_id(number), state(0, None)));
    let threads = schedule.threads(ended).concat();
    assert_eq!(threads, [canister_id(1), canister_id(2)]);
}

/// Executes a slice of each of these canisters in each of some rounds.
fn execute_slices(schedule: &mut Schedule, canisters: std::ops::Range<u64>, rounds: usize) {
    for _ in 0..rounds {
        let states = canisters.clone().map(|id| (canister_id(id), state(0, Some(Time::GENESIS))));
        schedule.begin_round(states.clone(), 0, 0);
        for id in schedule.threads(states).concat() {
            schedule.record_full_execution(id);
        }
        schedule.finish_round(|_| Some(state(0, Some(Time::GENESIS))));
    }
}

#[test]
fn the_paused_messages_that_executed_most_go_on_first_and_those_beyond_the_limit_are_aborted() {
    let mut schedule = Schedule::default();
    execute_slices(&mut schedule, 0..6, 1);
    execute_slices(&mut schedule, 4..6, 2);
    execute_slices(&mut schedule, 5..6, 1);
    let paused = (0..6).map(|number| (canister_id(number), Time::GENESIS));
    assert_eq!(schedule.exceeding_paused_limit(paused.clone().collect()).len(), 2);
    let mut ordered = Vec::from_iter(paused);
    schedule.order_paused(&mut ordered);
    assert_eq!(ordered[..2], [5, 4].map(|number| (canister_id(number), Time::GENESIS)));

    let later = Time::from_nanos(Time::GENESIS.as_nanos() + 1);
    let same = [(canister_id(20), later), (canister_id(21), Time::GENESIS)];
    let mut ordered = same.to_vec();
    schedule.order_paused(&mut ordered);
    assert_eq!(ordered, [same[1], same[0]], "otherwise the one that began first comes first");
}

#[test]
fn a_paused_message_is_paid_for_when_it_begins_and_when_it_ends() {
    let mut schedule = Schedule::default();
    let ids = [0, 1].map(canister_id);
    let round = |schedule: &mut Schedule, was_paused: bool, is_paused: bool| {
        let with = |paused: bool| {
            move |id| state(0, (paused && id == canister_id(0)).then_some(Time::GENESIS))
        };
        let before = ids.map(|id| (id, with(was_paused)(id)));
        schedule.begin_round(before.into_iter(), 0, 0);
        let _ = schedule.threads(before.into_iter().take(1));
        schedule.record_full_execution(ids[0]);
        schedule.finish_round(|id| Some(with(is_paused)(id)));
        schedule.priorities[&ids[0]]
    };
    // What one canister pays is distributed over both.
    schedule.priorities.insert(ids[1], 0);
    let half = FULL_EXECUTION / 2;
    assert_eq!(round(&mut schedule, false, true), -half, "the first of three rounds");
    assert_eq!(round(&mut schedule, true, true), -half, "the second one");
    assert_eq!(round(&mut schedule, true, false), -3 * half, "the other two at its end");
    assert_eq!(schedule.priorities.values().sum::<Priority>(), 0);
}

#[test]
fn a_canister_that_goes_on_alone_is_the_only_one_on_a_thread() {
    let id = canister_id(0);
    let mut answers = Vec::new();
    for case in 0..16 {
        let is = |bit: u32| case >> bit & 1 == 1;
        let state = SchedulingState {
            is_active: is(0),
            is_rate_limited: is(1),
            compute_allocation: 0,
            paused_since: is(2).then_some(Time::GENESIS),
        };
        let [mut asked, mut threads] = [(); 2].map(|()| {
            let mut schedule = Schedule::default();
            let paused = is(3).then_some(Time::GENESIS);
            let before = SchedulingState { paused_since: paused, ..state };
            schedule.begin_round([(id, before)].into_iter(), 0, 0);
            // Another canister is in the first iteration.
            let other = SchedulingState { is_active: true, is_rate_limited: false, ..before };
            let _ = schedule.threads([(canister_id(1), other)].into_iter());
            schedule
        });
        let goes_on = asked.goes_on_alone(id, state);
        if goes_on {
            assert_eq!(threads.threads([(id, state)].into_iter()).concat(), [id]);
            assert_eq!(format!("{asked:?}"), format!("{threads:?}"));
        }
        answers.push(goes_on);
    }
    assert_eq!(answers.iter().filter(|goes_on| **goes_on).count(), 1, "{answers:?}");
    let mut first = Schedule::default();
    assert!(!first.goes_on_alone(id, state(0, None)), "the first iteration is another case");
}
