//! Sleeping canisters: sums, alarms, and what wakes a canister.

use super::*;
use crate::canister::Settings;
use crate::canister::harness::{begin, empty, ingress, installed};
use crate::topology::canister_id;
use proptest::prelude::*;

fn now() -> Time {
    Time::GENESIS
}

/// Canisters with different allocations and consumptions.
fn canisters() -> Canisters {
    let canister = |number: u64| {
        let mut settings = Settings::new([].into());
        settings.compute_allocation = number;
        settings.memory_allocation = number << 20;
        let mut canister = Canister::new(canister_id(number), settings, 0, now());
        canister.consumption.burn(number.into());
        (canister.id, Box::new(canister))
    };
    (0..10).map(canister).collect()
}

#[test]
fn sums_over_canisters_do_not_depend_on_which_of_them_sleep() {
    let mut canisters = canisters();
    canisters.rest(0, now());
    assert_eq!(canisters.count_asleep(), 10);
    let all = *canisters.asleep();
    assert_eq!((all.compute, canisters.consumed(1)), (45, 46));
    for number in 0..10 {
        canisters.get_mut(&canister_id(number));
        assert_eq!(canisters.count_asleep(), 9 - number as usize);
        assert_eq!(canisters.consumed(1), 46);
    }
    assert_eq!(*canisters.asleep(), Sums::default());
    canisters.rest(0, now());
    assert_eq!(*canisters.asleep(), all);
}

#[test]
fn a_canister_wakes_when_it_is_next_charged_for_its_resources() {
    let mut canisters = canisters();
    canisters.rest(0, now());
    let charge = now().plus_secs(ALLOCATION_CHARGE_INTERVAL_SECONDS);
    canisters.wake_due(charge.minus_nanos(1));
    assert_eq!(canisters.count_asleep(), 10);
    canisters.wake_due(charge);
    assert_eq!(canisters.count_asleep(), 0);
    canisters.rest(0, charge);
    assert_eq!(canisters.count_asleep(), 0, "they have not been charged yet");
}

#[test]
fn a_canister_that_woke_to_be_charged_falls_asleep_in_the_same_round() {
    let mut canisters = canisters();
    canisters.rest(0, now());
    let charge = now().plus_secs(ALLOCATION_CHARGE_INTERVAL_SECONDS);
    canisters.wake_due(charge);
    canisters.for_each_awake(|canister| canister.charged_until = charge);
    canisters.remove(&canister_id(3));
    canisters.insert(canister_id(10), Box::new(empty()));
    canisters.rest(1, charge);
    assert_eq!((canisters.count_asleep(), canisters.len()), (9, 10));
    canisters.get_mut(&canister_id(4));
    canisters.rest(2, charge);
    assert_eq!(canisters.count_asleep(), 8, "others fall asleep in other rounds");
}

#[test]
fn a_canister_wakes_when_its_timer_is_due() {
    let mut canister = installed(r#"(module (func (export "canister_global_timer")))"#);
    let timer = now().plus_secs(5);
    canister.global_timer = Some(timer);
    let id = canister.id;
    let mut canisters: Canisters = [(id, Box::new(canister))].into_iter().collect();
    canisters.rest(0, now());
    canisters.wake_due(timer.minus_nanos(1));
    assert_eq!(canisters.count_asleep(), 1);
    canisters.wake_due(timer);
    assert_eq!(canisters.count_asleep(), 0);
    canisters.rest(0, timer);
    assert_eq!(canisters.count_asleep(), 0, "the timer has not run yet");
    let woken = canisters.get_mut(&id).expect("it is there");
    assert_eq!(woken.due_tasks(timer), [Task::GlobalTimer]);
}

#[test]
fn a_canister_that_waits_for_a_response_wakes_before_the_deadline_of_its_call_expires() {
    let deadline = now().plus_secs(5);
    let mut canister = installed(WAITING);
    begin(&mut canister, "wait", &5u32.to_le_bytes());
    let mut canisters: Canisters = [(canister.id, Box::new(canister))].into_iter().collect();
    canisters.rest(0, now());
    assert_eq!(canisters.count_asleep(), 0, "its request has not been sent yet");
    let id = canister_id(0);
    let canister = canisters.get_mut(&id).expect("it is there");
    let peer = canister.queues.output_peers()[0];
    canister.queues.pop_output(peer).expect("there is a request");
    assert_eq!(canister.contexts.next_deadline(), Some(deadline));
    canisters.rest(0, now());
    assert_eq!((canisters.count_asleep(), canisters.asleep().open_callbacks), (1, 1));
    canisters.wake_due(deadline.minus_nanos(1));
    assert_eq!(canisters.count_asleep(), 1);
    canisters.wake_due(deadline.plus_secs(1));
    assert_eq!((canisters.count_asleep(), canisters.asleep().open_callbacks), (0, 0));
    let woken = canisters.get_mut(&id).expect("it is there");
    assert_eq!(woken.contexts.expire(deadline.plus_secs(1)).len(), 1);
}

/// Makes a call that waits for as many seconds as the argument says.
const WAITING: &str = r#"(module
    (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
    (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "ic0" "call_with_best_effort_response" (func $wait (param i32)))
    (import "ic0" "call_perform" (func $perform (result i32)))
    (memory 1)
    (table 1 funcref)
    (data (i32.const 8) "\00\00\00\00\00\00\00\01\01\01m")
    (func (export "canister_update wait")
      (call $argument (i32.const 0) (i32.const 0) (i32.const 4))
      (call $new (i32.const 8) (i32.const 10) (i32.const 18) (i32.const 1)
                 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (call $wait (i32.load (i32.const 0)))
      (drop (call $perform))))"#;

#[test]
fn a_canister_with_a_message_or_a_heartbeat_or_about_to_stop_stays_awake() {
    let with_message = |mut canister: Canister| {
        canister.queues.push_ingress(ingress(&canister, "m", &[]));
        canister
    };
    let stopping = |mut canister: Canister| {
        canister.status = Status::Stopping(Vec::new());
        canister
    };
    let heartbeat = installed(r#"(module (func (export "canister_heartbeat")))"#);
    for canister in [with_message(empty()), stopping(empty()), heartbeat] {
        let mut canisters: Canisters = [(canister.id, Box::new(canister))].into_iter().collect();
        canisters.rest(0, now());
        assert_eq!(canisters.count_asleep(), 0);
    }
}

/// The sums over all canisters, added up one by one.
fn added_up<'a>(canisters: impl Iterator<Item = &'a Canister>, start: Sums) -> Sums {
    canisters.fold(start, |mut sums, canister| {
        sums.add(canister);
        sums
    })
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Insert,
    Remove,
    Look,
    Change { allocation: u64, burned: Cycles, charged_seconds: u64 },
    Wake { seconds: u64 },
    Rest { round: u64 },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let cycles = prop_oneof![0..1_000u128, Just(Cycles::MAX / 2)];
    prop_oneof![
        Just(Insert),
        Just(Remove),
        Just(Look),
        (0..100u64, cycles, 0..2_000u64).prop_map(|(allocation, burned, charged_seconds)| {
            Change { allocation, burned, charged_seconds }
        }),
        (0..3_000u64).prop_map(|seconds| Wake { seconds }),
        (0..3u64).prop_map(|round| Rest { round: round * ROUNDS_BETWEEN_RESTS / 2 }),
    ]
}

fn apply(canisters: &mut Canisters, operation: Operation, id: CanisterId, time: &mut Time) {
    match operation {
        Operation::Insert => {
            let canister = Canister::new(id, Settings::new([].into()), 0, *time);
            canisters.insert(id, Box::new(canister));
        }
        Operation::Remove => _ = canisters.remove(&id),
        Operation::Look => assert_eq!(canisters.get(&id).is_some(), canisters.contains_key(&id)),
        Operation::Change { allocation, burned, charged_seconds } => {
            let Some(canister) = canisters.get_mut(&id) else { return };
            canister.settings.compute_allocation = allocation;
            canister.settings.memory_allocation = allocation << 20;
            canister.consumption.burn(burned);
            canister.charged_until = now().plus_secs(charged_seconds);
        }
        Operation::Wake { seconds } => {
            *time = now().plus_secs(seconds).max(*time);
            canisters.wake_due(*time);
        }
        Operation::Rest { round } => canisters.rest(round, *time),
    }
}

proptest! {
    #[test]
    fn kept_sums_and_the_next_work_are_as_if_all_canisters_were_looked_at(
        operations in proptest::collection::vec((operation(), 0..6u64), 0..60),
        delays in proptest::collection::vec(0..2_000u64, 6),
    ) {
        let (mut canisters, mut time) = (canisters(), now());
        for (operation, number) in operations {
            apply(&mut canisters, operation, canister_id(number), &mut time);
            let all = added_up(canisters.values(), Sums::default());
            prop_assert_eq!(added_up(canisters.awake(), *canisters.asleep()), all);
            prop_assert_eq!(canisters.consumed(0), all.consumed.saturated());
            prop_assert_eq!(canisters.awake().count() + canisters.count_asleep(), canisters.len());
            prop_assert_eq!(canisters.alarms.len(), canisters.count_asleep());

            // The work of a canister is never due before its alarm, and may be due after it.
            let next = |canister: &Canister| {
                let number = (0..10).find(|number| canister_id(*number) == canister.id);
                let delay = number.and_then(|number| delays.get(number as usize)).unwrap_or(&0);
                let charge = canister.charged_until.plus_secs(ALLOCATION_CHARGE_INTERVAL_SECONDS);
                NextWork::At(charge.plus_secs(*delay))
            };
            let of_sleepers = canisters.places.values().filter(|place| place.alarm.is_some());
            let earliest = of_sleepers.map(|place| next(&place.canister)).min();
            prop_assert_eq!(canisters.next_work_asleep(next), earliest.unwrap_or(NextWork::Never));
        }
    }
}
