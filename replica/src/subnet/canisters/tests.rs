//! Sleeping canisters: sums, alarms, and what wakes a canister.

use super::*;
use crate::canister::Settings;
use crate::topology::canister_id;

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
