//! The cycles that a canister needs to grow its memory.

use crate::ic00::set;
use crate::patterns::pong;
use candid::{Nat, Principal};
use ic_management_canister_types::CanisterSettings;
use pocket_ic::ErrorCode;
use test_support::script::{Script, canister, number, script};
use test_support::{ScriptedNetwork, Server, StatusOf, on_every_server};

/// Wasm pages in two GiB.
const TWO_GIB: u64 = 1 << 15;

/// Wasm pages in a GiB.
const GIB: u64 = 1 << 14;

fn freezing_threshold(seconds: u64) -> CanisterSettings {
    CanisterSettings { freezing_threshold: Some(seconds.into()), ..CanisterSettings::default() }
}

/// A network with a canister for which a GiB costs 80 of its 100 trillion cycles in the freezing period:
/// twenty years of 127,000 cycles a second.
fn network(server: Server) -> ScriptedNetwork {
    let network = server.one_subnet();
    set(&network.pic, network.a, freezing_threshold(630_720_000)).unwrap();
    network
}

/// Ways to grow by so many pages.
fn ways(pages: u64) -> [Script; 2] {
    [script().grow(pages), script().stable_grow(pages)]
}

#[test]
fn a_message_cannot_grow_memory_until_the_canister_is_frozen() {
    on_every_server(|server| {
        for (few, many) in ways(GIB).into_iter().zip(ways(TWO_GIB)) {
            let network = network(server);
            let reject =
                network.run(network.a, script().put(9, 1).append_all(many).reply("")).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::InsufficientCyclesInMemoryGrow);
            assert!(reject.reject_message.contains("cycles"), "{}", reject.reject_message);
            assert_eq!(network.cell(network.a, 9), 0);
            network.run(network.a, few.clone().reply("")).unwrap();
            // Now it has not enough for as much again.
            let again = network.run(network.a, few.reply("")).unwrap_err();
            assert_eq!(again.error_code, ErrorCode::InsufficientCyclesInMemoryGrow);
        }
    });
}

#[test]
fn growing_counts_at_once_for_what_is_liquid() {
    on_every_server(|server| {
        let network = network(server);
        let script = script().liquid().append_acc().stable_grow(GIB).liquid().append_acc();
        let reply = network.run(network.a, script.reply_appended()).unwrap();
        let [before, after] = [number(&reply[..8]), number(&reply[8..])];
        let twenty_years: u64 = 127_000 * 630_720_000;
        assert!((before - after).abs_diff(twenty_years) < 1_000_000, "{before} {after}");
    });
}

#[test]
fn callbacks_and_queries_grow_memory_whatever_the_balance() {
    on_every_server(|server| {
        for many in ways(TWO_GIB) {
            let network = network(server);
            assert!(network.ask(network.a, many.clone().reply("")).is_ok());
            let one = pong(network.b).on_reply(many.reply("grown"));
            assert_eq!(network.run(network.a, script().call(one)), Ok(b"grown".to_vec()));
            let frozen = network.run(network.a, script().reply("")).unwrap_err();
            assert_eq!(frozen.error_code, ErrorCode::CanisterOutOfCycles);
        }
    });
}

#[test]
fn an_upgrade_whose_memory_is_unaffordable_is_undone() {
    on_every_server(|server| {
        let network = network(server);
        network.run(network.a, script().put(9, 5).reply("")).unwrap();
        let upgrade = |pages| {
            let script = script().stable_grow(pages).bytes();
            network.pic.upgrade_canister(network.a, canister(), script, None)
        };
        let reject = upgrade(TWO_GIB).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::InsufficientCyclesInMemoryGrow);
        assert_eq!(network.cell(network.a, 9), 5, "the code before is still there");
        upgrade(GIB).unwrap();
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

/// Two canisters on a subnet, one of which holds 500 GiB, and neither of which can freeze.
fn crowded(server: Server) -> ScriptedNetwork {
    let network = server.one_subnet();
    for canister in [network.a, network.b] {
        set(&network.pic, canister, freezing_threshold(0)).unwrap();
    }
    network.run(network.a, script().stable_grow(500 * GIB).reply("")).unwrap();
    network
}

fn limit_reserved(network: &ScriptedNetwork, limit: u128) {
    let reserved_cycles_limit = Some(limit.into());
    let settings = CanisterSettings { reserved_cycles_limit, ..CanisterSettings::default() };
    set(&network.pic, network.b, settings).unwrap();
}

#[test]
fn growing_on_a_crowded_subnet_sets_cycles_aside() {
    on_every_server(|server| {
        let network = crowded(server);
        limit_reserved(&network, 90_000_000_000_000);
        let reserved = || network.pic.status_of(network.b, None).unwrap().reserved_cycles;
        network.run(network.b, script().stable_grow(200 * GIB).reply("")).unwrap();
        assert_eq!(reserved(), Nat::from(0u8), "up to 750 GiB nothing is set aside");
        let (spent, answer) = network
            .spent(network.b, || network.run(network.b, script().stable_grow(100 * GIB).reply("")));
        answer.unwrap();
        assert!(reserved() > 0u8);
        // The rest is what the message cost.
        assert!(Nat::from(spent) - reserved() < 1_000_000_000u64);
    });
}

#[test]
fn no_more_is_set_aside_than_the_settings_allow() {
    on_every_server(|server| {
        let network = crowded(server);
        limit_reserved(&network, 1_000);
        let grow = script().stable_grow(300 * GIB).reply("");
        let reject = network.run(network.b, grow.clone()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::ReservedCyclesLimitExceededInMemoryGrow);
        assert!(network.ask(network.b, grow).is_ok(), "a query sets nothing aside");
    });
}

#[test]
fn memory_that_a_subnet_does_not_have_cannot_be_grown() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let canisters: Vec<Principal> =
            (0..2).map(|_| test_support::scripted::install(&pic)).collect();
        for canister in &canisters {
            set(&pic, *canister, freezing_threshold(0)).unwrap();
        }
        let grow = |canister| {
            let script = script().stable_grow(450 * GIB).reply_number();
            number(
                &pic.update_call(canister, Principal::anonymous(), "run", script.bytes()).unwrap(),
            )
        };
        assert_eq!(grow(canisters[0]), 0);
        // A thread may take a quarter of what is left.
        assert_eq!(grow(canisters[1]), u64::MAX);
    });
}
