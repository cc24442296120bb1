//! Installation, upgrade, reinstallation and removal of code.

use crate::ic00::{ask, submit};
use crate::patterns::{open_gate, pong, wait_for};
use candid::Principal;
use ic_management_canister_types::{CanisterInstallMode, InstallCodeArgs};
use pocket_ic::ErrorCode;
use test_support::script::{
    ON_PRE_UPGRADE, call, canister, canister_with, number, numbers, rejected, script, wasm,
};
use test_support::{ScriptedNetwork, StatusOf, encode, on_every_server, panic_message};

/// Heap, stable memory and global.
pub fn memories(network: &ScriptedNetwork) -> [u64; 3] {
    let steps = [script().load(9), script().load_stable(0), script().load_global()];
    steps.map(|steps| number(&network.ask(network.a, steps.reply_number()).unwrap()))
}

/// Puts a 5 into each of them.
pub fn fill(network: &ScriptedNetwork) {
    let steps = script().set(5).store(9).store_global().stable_grow(1).set(5).store_stable(0);
    network.run(network.a, steps.reply("")).unwrap();
}

#[test]
fn an_upgrade_keeps_stable_memory_and_loses_the_rest() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let after = script().load_stable(0).add(1).store(10).bytes();
        network.pic.upgrade_canister(network.a, canister(), after, None).unwrap();
        assert_eq!(memories(&network), [0, 5, 0]);
        assert_eq!(network.cell(network.a, 10), 6, "post_upgrade sees stable memory");
    });
}

#[test]
fn an_upgrade_runs_pre_upgrade_of_the_old_code() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let save = script().load(9).add(100).store_stable(0);
        network.run(network.a, script().keep(ON_PRE_UPGRADE, save).reply("")).unwrap();
        network.pic.upgrade_canister(network.a, canister(), vec![], None).unwrap();
        assert_eq!(memories(&network), [0, 105, 0]);
    });
}

#[test]
fn reinstalling_begins_anew() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        network.pic.reinstall_canister(network.a, canister(), vec![], None).unwrap();
        let stable = network.ask(network.a, script().stable_size().reply_number()).unwrap();
        assert_eq!(number(&stable), 0);
        assert_eq!(network.cell(network.a, 9), 0);
    });
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_canister() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let hash = || network.pic.status_of(network.a, None).unwrap().module_hash;
        let before = hash();
        let change = || script().set(6).store_stable(0);
        let other = canister_with("(func (export \"canister_update more\"))");
        let trapping = change().trap("post_upgrade").bytes();
        let reject = network.pic.upgrade_canister(network.a, other, trapping, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        let hook = script().keep(ON_PRE_UPGRADE, change().trap("pre_upgrade")).reply("");
        network.run(network.a, hook).unwrap();
        let reject = network.pic.upgrade_canister(network.a, canister(), vec![], None).unwrap_err();
        assert!(reject.reject_message.contains("'pre_upgrade'"), "{}", reject.reject_message);
        // The old code is asked before anybody looks at the new one.
        let garbage =
            || network.pic.upgrade_canister(network.a, vec![0; 9], vec![], None).unwrap_err();
        assert_eq!(garbage().error_code, ErrorCode::CanisterCalledTrap);
        network.run(network.a, script().keep(ON_PRE_UPGRADE, script()).reply("")).unwrap();
        assert_eq!(garbage().error_code, ErrorCode::CanisterInvalidWasm);
        assert_eq!((memories(&network), hash()), ([5, 5, 5], before));
    });
}

#[test]
fn an_init_that_traps_installs_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = network.pic.create_canister();
        let install =
            |argument: Vec<u8>| network.pic.reinstall_canister(id, canister(), argument, None);
        let reject = install(script().trap("init").bytes()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        assert_eq!(network.pic.status_of(id, None).unwrap().module_hash, None);
        install(script().put(9, 3).bytes()).unwrap();
        assert_eq!(network.cell(id, 9), 3);
    });
}

#[test]
fn callbacks_do_not_run_in_code_that_was_uninstalled() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let message = network.submit(network.a, wait_for(network.b, script().reply("never")));
        network.pic.tick();
        network.pic.uninstall_canister(network.a, None).unwrap();
        let reject = network.ticks(&message).1.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        network.pic.install_canister(network.a, canister(), vec![], None);
        for _ in 0..3 {
            network.pic.tick();
        }
        assert_eq!(network.run(network.a, script().reply("anew")), Ok(b"anew".to_vec()));
    });
}

#[test]
fn a_call_to_a_canister_that_is_uninstalled_meanwhile_gets_reject_code_4_and_its_cycles_back() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let one = call(network.b)
            .cycles(1_000)
            .running(script().accept(1).append_all(wait_for(network.a, script().reply(""))))
            .on_reject(
                script().reject_code().append_acc().refunded().append_acc().reply_appended(),
            );
        let message = network.submit(network.a, script().call(one));
        network.pic.tick();
        network.pic.uninstall_canister(network.b, None).unwrap();
        let reply = network.ticks(&message).1.unwrap();
        assert_eq!(numbers(&reply), [4, 999]);
    });
}

#[test]
fn an_invalid_module_is_not_installed_and_the_error_says_why() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let import = |module: &str, name: &str| {
            wasm(&format!(r#"(module (import "{module}" "{name}" (func)))"#))
        };
        for (module, part) in [
            (b"not a module at all".to_vec(), ""),
            (vec![], ""),
            (canister()[..canister().len() / 2].to_vec(), ""),
            (import("env", "__wbindgen_throw"), "__wbindgen_throw"),
            (import("ic0", "no_such_function"), "no_such_function"),
            (wasm(r#"(module (func (export "canister_whatever")))"#), "canister_whatever"),
            (wasm("(module (memory 1) (memory 1))"), ""),
        ] {
            let id = network.pic.create_canister();
            let reject = network.pic.reinstall_canister(id, module, vec![], None).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterInvalidWasm);
            assert!(reject.reject_message.contains(part), "{}", reject.reject_message);
            assert_eq!(network.pic.status_of(id, None).unwrap().module_hash, None);
        }
        assert_eq!(network.run(network.a, script().reply("well")), Ok(b"well".to_vec()));
    });
}

#[test]
fn a_failed_installation_costs_what_was_done_until_it_failed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let garbage = [0; 20];
        let install = |mode, canister_id, module: &[u8]| {
            let arguments = InstallCodeArgs {
                mode,
                canister_id,
                wasm_module: module.to_vec(),
                arg: vec![],
                sender_canister_version: None,
            };
            let call = || {
                ask(&network.pic, Principal::anonymous(), canister_id, "install_code", arguments)
            };
            let (spent, answer) = network.spent(canister_id, call);
            (spent, answer.unwrap_err().error_code)
        };
        // That there is code already is found before anybody looks at the new one.
        let (refusing, code) = install(CanisterInstallMode::Install, network.a, &garbage);
        assert_eq!(code, ErrorCode::CanisterNonEmpty);
        let (reading, code) = install(CanisterInstallMode::Reinstall, network.a, &garbage);
        assert_eq!(code, ErrorCode::CanisterInvalidWasm);
        // 5 M for any execution, beside the fee for the message; compiling counts 6,000 for a byte.
        assert!((5_000_000..10_000_000).contains(&refusing), "{refusing}");
        assert_eq!(reading - refusing, 6_000 * garbage.len() as u128);
        // What it might cost must be there, before all that.
        network.run(network.b, script().liquid().burn_acc().reply("")).unwrap();
        let (_, code) = install(CanisterInstallMode::Install, network.b, &garbage);
        assert_eq!(code, ErrorCode::CanisterOutOfCycles);
    });
}

#[test]
fn a_canister_is_not_installed_over_another() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let install = || network.pic.install_canister(network.a, canister(), vec![], None);
        let failure = panic_message(install);
        assert!(failure.contains("CanisterNonEmpty"), "{failure}");
        fill(&network);
        assert_eq!(memories(&network), [5, 5, 5]);
    });
}

#[test]
fn calls_that_are_open_during_an_upgrade_are_still_answered() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // The callee is upgraded while a call to it waits.
        let held = call(network.b).running(wait_for(network.a, script().reply("held")));
        let message = network.submit(network.a, script().call(held));
        network.pic.tick();
        network.pic.upgrade_canister(network.b, canister(), vec![], None).unwrap();
        // Its callbacks run in the new code, whose heap is empty: they find no script there.
        network.run(network.a, open_gate()).unwrap();
        let (code, _) = rejected(&network.ticks(&message).1.unwrap());
        assert_eq!(code, 5);
        let message = network.submit(network.a, script().call(pong(network.b)));
        assert_eq!(network.ticks(&message).1, Ok(b"pong".to_vec()));
    });
}

/// Burns all it can, before and after an upgrade.
const BURNER: &str = r#"(module
    (import "ic0" "cycles_burn128" (func $burn (param i64 i64 i32)))
    (memory 1)
    (func $all (call $burn (i64.const -1) (i64.const -1) (i32.const 0)))
    (export "canister_pre_upgrade" (func $all))
    (export "canister_post_upgrade" (func $all)))"#;

#[test]
fn what_the_hooks_of_an_upgrade_burn_is_burned_once() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let canister = network.pic.create_canister();
        let module = wat::parse_str(BURNER).unwrap();
        network.pic.install_canister(canister, module.clone(), vec![], None);
        network.pic.upgrade_canister(canister, module, vec![], None).unwrap();
        let left = network.pic.cycle_balance(canister);
        assert!(left > 0, "what the upgrade had set aside comes back");
        assert!(left < 301_000_000_000, "and nothing else is there: {left}");
    });
}

#[test]
fn a_module_the_subnet_has_compiled_before_takes_little_of_a_round() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Compiling it takes more than all that a round has for management calls.
        let text = format!("(module (func {}))", "(drop (i32.const 0))".repeat(30_000));
        let module = wasm(&text);
        let canisters = [0, 1, 2].map(|_| network.pic.create_canister());
        let messages = canisters.map(|canister_id| {
            let arguments = InstallCodeArgs {
                mode: CanisterInstallMode::Install,
                canister_id,
                wasm_module: module.clone(),
                arg: vec![],
                sender_canister_version: None,
            };
            submit(&network.pic, canister_id, "install_code", arguments)
        });
        let done = || messages.iter().filter(|message| network.response(message).is_some()).count();
        for expected in [1, 3] {
            network.pic.tick();
            assert_eq!(done(), expected);
        }
    });
}

/// What installing a module costs, without the bytes of the message. It may fail.
pub fn installing(
    network: &ScriptedNetwork,
    id: Principal,
    mode: CanisterInstallMode,
    module: &[u8],
) -> u128 {
    let arguments = InstallCodeArgs {
        mode,
        canister_id: id,
        wasm_module: module.to_vec(),
        arg: vec![],
        sender_canister_version: None,
    };
    // An argument has another byte, or two, for its length.
    let bytes = encode(arguments.clone()).len();
    let bytes = bytes + if bytes < 0x100 { 1 } else { 2 };
    let anonymous = Principal::anonymous();
    let install = || ask(&network.pic, anonymous, id, "install_code", arguments);
    let (spent, _) = network.spent(id, install);
    spent - 2_000 * bytes as u128
}

/// The same for a new canister.
fn installing_anew(network: &ScriptedNetwork, module: &[u8]) -> u128 {
    let id = network.pic.create_canister();
    installing(network, id, CanisterInstallMode::Install, module)
}

#[test]
fn functions_of_stable_memory_are_compiled_into_the_module() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let cost = |name: &str, parameters: &str, result: &str| {
            let import =
                format!(r#"(module (import "ic0" "{name}" (func (param {parameters}) {result})))"#);
            installing_anew(&network, &wasm(&import))
        };
        let none = cost("trap", "i32 i32", "");
        for (name, parameters, result, instructions) in [
            ("stable_size", "", "(result i32)", 10),
            ("stable_grow", "i32", "(result i32)", 24),
            ("stable_read", "i32 i32 i32", "", 106),
            ("stable_write", "i32 i32 i32", "", 91),
            ("stable64_size", "", "(result i64)", 2),
            ("stable64_grow", "i64", "(result i64)", 21),
            ("stable64_read", "i64 i64 i64", "", 119),
            ("stable64_write", "i64 i64 i64", "", 107),
        ] {
            let more = cost(name, parameters, result) - none;
            assert_eq!(more, 6_000 * instructions, "{name}");
        }
    });
}

#[test]
fn broken_gzip_data_is_charged_by_the_size_it_states_or_by_its_length() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let cost = |bytes: &[u8]| installing_anew(&network, bytes);
        // 3 of 7 bytes, which are too few to state a size.
        let short = cost(b"\x1f\x8b\x08junk");
        let longer = cost(b"\x1f\x8b\x08 junk, junk");
        assert_eq!(longer - short, 6_000 * 7);
        let stating = cost(b"\x1f\x8b\x08 junk that states\0\0\x01\0");
        assert_eq!(stating - short, 6_000 * (0x1_0000 - 7));
    });
}

#[test]
fn installing_costs_6000_for_each_instruction_compiled() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let cost = |nops: usize| {
            installing_anew(&network, &wasm(&format!("(module (func {}))", "(nop)".repeat(nops))))
        };
        assert_eq!(cost(2_200) - cost(1_200), 6_000 * 1_000);
    });
}
