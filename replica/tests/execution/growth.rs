//! The cycles that a canister needs to grow its memory.

use crate::ic00::{ask, set};
use crate::patterns::pong;
use candid::{Nat, Principal};
use ic_management_canister_types::{CanisterInstallMode, CanisterSettings, InstallCodeArgs};
use pocket_ic::ErrorCode;
use test_support::script::{Script, canister, number, script, wasm};
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

/// Two canisters on a subnet, one of which holds 500 GiB, and neither of which can freeze. In one round, a
/// canister can take only a part of the memory without reserving cycles.
fn crowded(server: Server) -> ScriptedNetwork {
    let network = server.one_subnet();
    for canister in [network.a, network.b] {
        set(&network.pic, canister, freezing_threshold(0)).unwrap();
    }
    for gib in [180, 130, 100, 70, 20] {
        network.run(network.a, script().stable_grow(gib * GIB).reply("")).unwrap();
    }
    assert_eq!(reserved(&network, network.a), 0);
    network
}

fn reserved(network: &ScriptedNetwork, canister: Principal) -> u128 {
    let status = network.pic.status_of(canister, None).unwrap();
    status.reserved_cycles.0.try_into().unwrap()
}

fn limit_reserved(network: &ScriptedNetwork, limit: u128) {
    let reserved_cycles_limit = Some(limit.into());
    let settings = CanisterSettings { reserved_cycles_limit, ..CanisterSettings::default() };
    set(&network.pic, network.b, settings).unwrap();
}

#[test]
fn growing_on_a_crowded_subnet_reserves_cycles() {
    on_every_server(|server| {
        let network = crowded(server);
        limit_reserved(&network, 90_000_000_000_000);
        network.run(network.b, script().stable_grow(50 * GIB).reply("")).unwrap();
        assert_eq!(reserved(&network, network.b), 0, "the subnet is not full enough yet");
        let (spent, answer) = network
            .spent(network.b, || network.run(network.b, script().stable_grow(70 * GIB).reply("")));
        answer.unwrap();
        let reserved = reserved(&network, network.b);
        assert!(reserved > 0);
        // The rest is what the message cost.
        assert!(spent - reserved < 1_000_000_000);
    });
}

/// The cycles that a canister reserves for `bytes` of new memory on a subnet whose canisters have `taken` bytes:
/// a quarter of the subnet's memory counts, and of the threshold.
fn reservation(taken: u64, bytes: u64) -> u128 {
    const GIB_BYTES: u64 = 1 << 30;
    let free = ((2_048 - 10) * GIB_BYTES - taken) / 4;
    let used = 512 * GIB_BYTES - free;
    let up_to = |used: u64| {
        let above = u128::from(used.saturating_sub(750 * GIB_BYTES / 4));
        let room = u128::from((2_048 - 750) * GIB_BYTES / 4);
        let seconds = 300_000_000 * above / room / 2;
        above * 127_000 * seconds / u128::from(GIB_BYTES)
    };
    up_to(used + bytes) - up_to(used)
}

/// Two rich canisters on a subnet, and how much memory both have, in bytes.
fn rich(server: Server) -> (ScriptedNetwork, u64) {
    let network = server.one_subnet();
    for canister in [network.a, network.b] {
        network.pic.add_cycles(canister, 20_000_000_000_000_000);
        let reserved_cycles_limit = Some(Nat::from(u128::MAX));
        let settings = CanisterSettings { reserved_cycles_limit, ..freezing_threshold(0) };
        set(&network.pic, canister, settings).unwrap();
    }
    let bytes = |canister| {
        let status = network.pic.status_of(canister, None).unwrap();
        u64::try_from(status.memory_size.0).unwrap()
    };
    let taken = bytes(network.a) + bytes(network.b);
    (network, taken)
}

#[test]
fn one_growth_reserves_cycles_from_a_quarter_of_the_memory_threshold_of_the_subnet() {
    on_every_server(|server| {
        for (gib, billions) in [(184, 0..1), (186, 58..60), (200, 13_200..13_300)] {
            let (network, taken) = rich(server);
            network.run(network.a, script().stable_grow(gib * GIB).reply("")).unwrap();
            let reserved = reserved(&network, network.a);
            assert_eq!(reserved, reservation(taken, gib << 30), "{gib} GiB");
            assert!(billions.contains(&(reserved / 1_000_000_000)), "{gib} GiB: {reserved}");
        }
    });
}

#[test]
fn a_memory_allocation_takes_at_most_a_quarter_of_what_is_free_and_reserves_cycles() {
    on_every_server(|server| {
        let (network, taken) = rich(server);
        let allocate = |canister, gib: u64| {
            let memory_allocation = Some(Nat::from(gib << 30));
            set(
                &network.pic,
                canister,
                CanisterSettings { memory_allocation, ..Default::default() },
            )
        };
        let refused = allocate(network.a, 510).unwrap_err();
        assert_eq!(refused.error_code, ErrorCode::SubnetOversubscribed);
        allocate(network.a, 400).unwrap();
        let own = {
            let status = network.pic.status_of(network.a, None).unwrap();
            u64::try_from(status.memory_size.0).unwrap()
        };
        let new = (400 << 30) - own;
        assert_eq!(reserved(&network, network.a), reservation(taken, new));
        // What the canister has counts as free.
        allocate(network.a, 509).unwrap();
        // A quarter of what the other canister leaves.
        let left = (2_048 - 10 - 509) / 4;
        let refused = allocate(network.b, left + 1).unwrap_err();
        assert_eq!(refused.error_code, ErrorCode::SubnetOversubscribed);
        allocate(network.b, left).unwrap();
    });
}

#[test]
fn no_more_is_set_aside_than_the_settings_allow() {
    on_every_server(|server| {
        let network = crowded(server);
        limit_reserved(&network, 1_000);
        let grow = script().stable_grow(100 * GIB).reply("");
        let reject = network.run(network.b, grow.clone()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::ReservedCyclesLimitExceededInMemoryGrow);
        assert!(network.ask(network.b, grow).is_ok(), "a query sets nothing aside");
    });
}

#[test]
fn memory_that_a_subnet_does_not_have_cannot_be_grown() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for canister in [network.a, network.b] {
            set(&network.pic, canister, freezing_threshold(0)).unwrap();
        }
        let grow = |canister, gib: u64| {
            network.run(canister, script().stable_grow(gib * GIB).reply_number())
        };
        assert_eq!(number(&grow(network.a, 100).unwrap()), 0);
        // A thread may take a quarter of what is left.
        assert_eq!(number(&grow(network.b, 490).unwrap()), u64::MAX);
        let unaffordable = grow(network.b, 480).unwrap_err().error_code;
        assert_eq!(unaffordable, ErrorCode::ReservedCyclesLimitExceededInMemoryGrow);
    });
}

#[test]
fn the_heap_of_new_code_must_be_within_its_limit() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // The limit is 3 GiB.
        let module = |pages: u32| wasm(&format!("(module (memory {pages}))"));
        let id = network.pic.create_canister();
        let install = |mode, pages| {
            let arguments = InstallCodeArgs {
                mode,
                canister_id: id,
                wasm_module: module(pages),
                arg: vec![],
                sender_canister_version: None,
            };
            ask(&network.pic, Principal::anonymous(), id, "install_code", arguments)
        };
        let too_large = install(CanisterInstallMode::Install, 49_153).unwrap_err();
        assert_eq!(too_large.error_code, ErrorCode::CanisterWasmMemoryLimitExceeded);
        let status = network.pic.status_of(id, None).unwrap();
        assert_eq!(status.module_hash, None);
        install(CanisterInstallMode::Install, 49_152).unwrap();
        for mode in [CanisterInstallMode::Reinstall, CanisterInstallMode::Upgrade(None)] {
            let too_large = install(mode, 49_153).unwrap_err();
            assert_eq!(too_large.error_code, ErrorCode::CanisterWasmMemoryLimitExceeded);
        }
    });
}
