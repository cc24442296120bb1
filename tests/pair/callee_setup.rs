//! How the caller learns its callee: from a controller, or else from its environment.

use candid::Principal;
use test_support::on_every_server;

use crate::pair::{Pair, Sequential, Strategy, assert_refusal, controller, stranger};

#[test]

fn a_controller_may_name_the_callee_and_rename_it() {
    on_every_server(|server| {
        let pair = Pair::install(server, 2);
        // Nothing answers there.
        let empty = pair.another_canister();
        for (id, succeeded) in [(pair.callee, 2), (empty, 0), (pair.callee, 2)] {
            assert_eq!(pair.setup_callee(id, controller()), Ok(()));
            assert_eq!(pair.successes(Sequential, 2), succeeded);
        }
    });
}

#[test]
fn a_stranger_may_not_name_the_callee() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let empty = pair.another_canister();
        for sender in [stranger(), Principal::anonymous()] {
            let refusal = pair.setup_callee(empty, sender).expect_err("it is no controller");
            assert!(refusal.reject_message.contains("only a controller"), "{refusal:?}");
        }
        assert_eq!(pair.successes(Sequential, 2), 2, "the callee is the one that was set");
    });
}

#[test]
fn a_principal_that_cannot_be_a_callee_is_refused_with_the_reason() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        for (id, reason) in impossible_callees(&pair) {
            let refusal = pair.setup_callee(id, controller()).expect_err("it cannot be called");
            assert_refusal(&refusal, &[&id.to_text(), reason]);
        }
        assert_eq!(pair.successes(Sequential, 2), 2, "the callee is the one that was set");
    });
}

#[test]
fn the_callee_is_known_after_upgrades() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        for _ in 0..2 {
            pair.upgrade_caller();
            assert_eq!(pair.successes(Sequential, 2), 2);
        }
    });
}

#[test]
fn without_a_callee_the_refusal_names_the_command_that_sets_it() {
    on_every_server(|server| {
        let pair = Pair::install(server, 2);
        for strategy in Strategy::ALL {
            let refusal = pair.refusal(strategy, 1);
            assert_refusal(
                &refusal,
                &["dfx canister call caller setup_callee", "icp canister call"],
            );
        }
    });
}

#[test]
fn without_setup_the_callee_is_the_one_of_the_environment() {
    on_every_server(|server| {
        let pair = Pair::install(server, 2);
        pair.set_environment(&pair.callee.to_text());
        for strategy in Strategy::ALL {
            assert_eq!(pair.successes(strategy, 2), 2);
        }
        // It was not remembered: the environment decides each time.
        pair.set_environment(&pair.another_canister().to_text());
        assert_eq!(pair.successes(Sequential, 2), 0);
    });
}

#[test]
fn an_explicit_setup_wins_over_the_environment() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        for value in [pair.another_canister().to_text(), "no principal".into()] {
            pair.set_environment(&value);
            assert_eq!(pair.successes(Sequential, 2), 2);
        }
        pair.upgrade_caller();
        assert_eq!(pair.successes(Sequential, 2), 2);
    });
}

#[test]
fn an_environment_that_names_no_possible_callee_is_refused_with_the_reason() {
    on_every_server(|server| {
        let pair = Pair::install(server, 2);
        for value in ["", "callee", "aaaaa-ab"] {
            pair.set_environment(value);
            let refusal = pair.refusal(Sequential, 2);
            assert_refusal(&refusal, &["PUBLIC_CANISTER_ID:callee", "no principal"]);
        }
        for (id, reason) in impossible_callees(&pair) {
            pair.set_environment(&id.to_text());
            assert_refusal(&pair.refusal(Sequential, 2), &[&id.to_text(), reason]);
        }
    });
}

fn impossible_callees(pair: &Pair) -> [(Principal, &'static str); 3] {
    [
        (Principal::anonymous(), "anonymous principal"),
        (Principal::management_canister(), "management canister"),
        (pair.caller, "the caller itself"),
    ]
}
