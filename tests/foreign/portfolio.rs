//! The example `portfolio`, a real ledger, and a canister that lends and pays rewards.

use candid::Principal;
use pocket_ic::PocketIc;
use test_support::canisters::ledger::{self, alice};
use test_support::{Canister, Program, controller, on_every_server};

/// What the other canister says of Alice.
const POSITION: u128 = 22;
const REWARDS: u128 = 333;

struct Scene<'a> {
    ledger: Canister<'a>,
    market: Canister<'a>,
    portfolio: Canister<'a>,
}

impl<'a> Scene<'a> {
    fn new(pic: &'a PocketIc, [ledger, market, portfolio]: &'a [Program; 3]) -> Self {
        let ledger = ledger::install_on(ledger, pic, 1);
        let market = market.install(pic, "()");
        let account = format!(
            r#"(record {{ user = principal "{}"; balance = 0; position = {POSITION}; rewards = {REWARDS} }})"#,
            alice()
        );
        market.call("set_account", &account);
        Self { ledger, market, portfolio: portfolio.install(pic, "()") }
    }

    /// What the canister replies, if this one lends and pays rewards.
    fn portfolio(&self, market: Principal) -> String {
        let (user, token) = (alice(), self.ledger.id);
        self.portfolio.call_in_time(
            "get_portfolio",
            &format!(
                r#"(record {{ user = principal "{user}"; token = principal "{token}";
                    lending = principal "{market}"; staking = principal "{market}" }})"#
            ),
        )
    }
}

fn in_scene(test: impl Fn(&PocketIc, Scene)) {
    let Some(ledger) = ledger::program() else { return };
    let programs = [ledger, Program::rust("callee"), Program::rust("portfolio")];
    on_every_server(|server| {
        let pic = server.instance(2);
        test(&pic, Scene::new(&pic, &programs));
    });
}

/// Asserts that a reply contains all these texts.
#[track_caller]
fn assert_contains(reply: &str, texts: &[&str]) {
    for text in texts {
        assert!(reply.contains(text), "no `{text}` in {reply}");
    }
}

#[test]
fn five_values_of_three_types_come_from_several_kinds_of_canisters() {
    in_scene(|_, scene| {
        let portfolio = scene.portfolio(scene.market.id);
        assert_contains(
            &portfolio,
            &[
                r#"symbol = record { value = "TST"; missing = null }"#,
                "decimals = record { value = 3 : nat8; missing = null }",
                "balance = record { value = 1_000_000 : nat; missing = null }",
                "position = record { value = 22 : nat; missing = null }",
                "rewards = record { value = 333 : nat; missing = null }",
                "answered = 5",
            ],
        );
    });
}

#[test]
fn a_canister_that_is_stopped_or_is_of_another_kind_leaves_defaults_with_reasons() {
    in_scene(|pic, scene| {
        pic.stop_canister(scene.ledger.id, Some(controller())).expect("it stops");
        let portfolio = scene.portfolio(scene.market.id);
        assert_contains(&portfolio, &[r#"value = "?""#, "stopped", "value = 22", "answered = 2"]);
        pic.start_canister(scene.ledger.id, Some(controller())).expect("it starts");
        // A ledger has no positions, and nobody has any at all.
        assert_contains(&scene.portfolio(scene.ledger.id), &["get_position", "answered = 3"]);
        assert_contains(&scene.portfolio(controller()), &["No route to canister", "answered = 3"]);
    });
}

#[test]
fn balances_come_in_the_order_of_the_ledgers_and_missing_ones_are_marked() {
    in_scene(|_, scene| {
        let ids = [scene.market.id, controller(), scene.ledger.id, scene.portfolio.id];
        let ids = ids.map(|id| format!(r#"principal "{id}""#)).join("; ");
        let argument = format!(r#"(principal "{}", vec {{ {ids} }})"#, alice());
        let reply = scene.portfolio.call_in_time("get_balances", &argument);
        let values: Vec<_> = reply.split("record {").skip(1).collect();
        let expected = ["value = 0 : nat; missing = null", "opt \"", "value = 1_000_000", "opt \""];
        assert_eq!(values.len(), 4);
        for (value, expected) in values.iter().zip(expected) {
            assert!(value.contains(expected), "{reply}");
        }
    });
}
