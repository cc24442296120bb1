//! Failing calls: the caller counts them and keeps working.

use candid::Principal;
use test_support::on_every_server;

use crate::pair::{Pair, Parallel, Sequential, Strategy, caller_module, controller};

/// Breaks the callee, or names a broken one, and mends it; calls fail in between, and only then.
fn assert_failures_are_counted(break_callee: impl Fn(&Pair), mend: impl Fn(&Pair)) {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            for strategy in Strategy::ALL {
                break_callee(&pair);
                for n in [1, 5] {
                    assert_eq!(pair.successes(strategy, n), 0, "{strategy:?}");
                }
                mend(&pair);
                assert_eq!(pair.successes(Sequential, 3), 3, "the caller works on");
                assert_eq!(pair.successes(Parallel, 500), 500, "nothing is left of the failures");
            }
        }
    });
}

/// The same with another canister than the callee, which cannot be called.
fn assert_calls_fail_to(other: impl Fn(&Pair) -> Principal) {
    assert_failures_are_counted(
        |pair| set_callee(pair, other(pair)),
        |pair| set_callee(pair, pair.callee),
    );
}

fn set_callee(pair: &Pair, id: Principal) {
    pair.setup_callee(id, controller()).expect("the controller may name a canister");
}

#[test]
fn calls_to_a_stopped_callee_fail_until_it_is_started() {
    assert_failures_are_counted(
        |pair| pair.pic.stop_canister(pair.callee, Some(controller())).expect("it stops"),
        |pair| pair.pic.start_canister(pair.callee, Some(controller())).expect("it starts"),
    );
}

#[test]
fn calls_to_a_canister_without_ping_fail() {
    assert_calls_fail_to(|pair| {
        let other = pair.another_canister();
        pair.install_code(other, caller_module());
        other
    });
}

#[test]
fn calls_to_a_canister_without_code_fail() {
    assert_calls_fail_to(Pair::another_canister);
}

#[test]
fn calls_to_a_deleted_canister_fail() {
    assert_calls_fail_to(|pair| {
        let deleted = pair.another_canister();
        pair.pic.stop_canister(deleted, Some(controller())).expect("it stops");
        pair.pic.delete_canister(deleted, Some(controller())).expect("it is stopped");
        deleted
    });
}

#[test]
fn calls_to_a_principal_of_a_user_fail() {
    assert_calls_fail_to(|_| controller());
}

#[test]
fn calls_fail_in_part_when_the_callee_stops_amid_them() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let message = pair.submit(Sequential, 50).expect("the caller takes messages");
        for _ in 0..5 {
            pair.pic.tick();
        }
        pair.pic.stop_canister(pair.callee, Some(controller())).expect("it stops");
        for _ in 0..50 {
            pair.pic.tick();
        }
        let succeeded =
            pair.answer(&message).expect("the canister replies").expect("not with a reject");
        assert!((4..50).contains(&succeeded), "{succeeded}");
    });
}
