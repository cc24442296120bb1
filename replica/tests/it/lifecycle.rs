//! Canisters come, change and go.

use crate::patterns::{open_gate, parallel_calls, wait_for};
use crate::script::{
    ON_INSPECT, ON_PRE_UPGRADE, call, canister, canister_with, number, rejected, script, wasm,
};
use crate::world::{CYCLES, World, install, on_every_server};
use candid::{Nat, Principal};
use pocket_ic::{CanisterSettings, EnvironmentVariable, ErrorCode};

fn somebody() -> Principal {
    Principal::self_authenticating([7; 32])
}

/// Heap, stable memory and global.
fn memories(world: &World) -> [u64; 3] {
    let steps = [script().load(9), script().load_stable(0), script().load_global()];
    steps.map(|steps| number(&world.ask(world.a, steps.reply_number()).unwrap()))
}

fn fill(world: &World) {
    let steps = script().set(5).store(9).store_global().stable_grow(1).set(5).store_stable(0);
    world.run(world.a, steps.reply("")).unwrap();
}

#[test]
fn an_upgrade_keeps_stable_memory_and_loses_the_rest() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let after = script().load_stable(0).add(1).store(10).bytes();
        world.pic.upgrade_canister(world.a, canister(), after, None).unwrap();
        assert_eq!(memories(&world), [0, 5, 0]);
        assert_eq!(world.cell(world.a, 10), 6, "post_upgrade sees stable memory");
    });
}

#[test]
fn an_upgrade_runs_pre_upgrade_of_the_old_code() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let save = script().load(9).add(100).store_stable(0);
        world.run(world.a, script().keep(ON_PRE_UPGRADE, save).reply("")).unwrap();
        world.pic.upgrade_canister(world.a, canister(), vec![], None).unwrap();
        assert_eq!(memories(&world), [0, 105, 0]);
    });
}

#[test]
fn reinstalling_begins_anew() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        world.pic.reinstall_canister(world.a, canister(), vec![], None).unwrap();
        let stable = world.ask(world.a, script().stable_size().reply_number()).unwrap();
        assert_eq!(number(&stable), 0);
        assert_eq!(world.cell(world.a, 9), 0);
    });
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_canister() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let hash = || world.pic.canister_status(world.a, None).unwrap().module_hash;
        let before = hash();
        let change = || script().set(6).store_stable(0);
        let other = canister_with("(func (export \"canister_update more\"))");
        let trapping = change().trap("post_upgrade").bytes();
        let reject = world.pic.upgrade_canister(world.a, other, trapping, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        let hook = script().keep(ON_PRE_UPGRADE, change().trap("pre_upgrade")).reply("");
        world.run(world.a, hook).unwrap();
        let reject = world.pic.upgrade_canister(world.a, canister(), vec![], None).unwrap_err();
        assert!(reject.reject_message.contains("'pre_upgrade'"), "{}", reject.reject_message);
        let reject = world.pic.upgrade_canister(world.a, vec![0; 9], vec![], None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInvalidWasm);
        assert_eq!((memories(&world), hash()), ([5, 5, 5], before));
    });
}

#[test]
fn an_init_that_traps_installs_nothing() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let id = world.pic.create_canister();
        let install =
            |argument: Vec<u8>| world.pic.reinstall_canister(id, canister(), argument, None);
        let reject = install(script().trap("init").bytes()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        assert_eq!(world.pic.canister_status(id, None).unwrap().module_hash, None);
        install(script().put(9, 3).bytes()).unwrap();
        assert_eq!(world.cell(id, 9), 3);
    });
}

#[test]
fn callbacks_do_not_run_in_code_that_was_uninstalled() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let message = world.submit(world.a, wait_for(world.b, script().reply("never")));
        world.pic.tick();
        world.pic.uninstall_canister(world.a, None).unwrap();
        let reject = world.ticks(&message).1.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        world.pic.install_canister(world.a, canister(), vec![], None);
        for _ in 0..3 {
            world.pic.tick();
        }
        assert_eq!(world.run(world.a, script().reply("anew")), Ok(b"anew".to_vec()));
    });
}

#[test]
fn a_call_to_a_canister_that_is_uninstalled_meanwhile_is_4_with_its_cycles() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let one = call(world.b)
            .cycles(1_000)
            .running(script().accept(1).append_all(wait_for(world.a, script().reply(""))))
            .on_reject(
                script().reject_code().append_acc().refunded().append_acc().reply_appended(),
            );
        let message = world.submit(world.a, script().call(one));
        world.pic.tick();
        world.pic.uninstall_canister(world.b, None).unwrap();
        let reply = world.ticks(&message).1.unwrap();
        assert_eq!(crate::script::numbers(&reply), [4, 999]);
    });
}

#[test]
fn stopping_waits_for_open_call_contexts() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let held = world.submit(world.a, wait_for(world.b, script().reply("held")));
        world.pic.tick();
        let stopping = world.submit_management("stop_canister", world.a);
        for _ in 0..5 {
            world.pic.tick();
        }
        assert_eq!((world.answer(&held), world.answer(&stopping)), (None, None));
        let status = world.pic.canister_status(world.a, None).unwrap().status;
        assert_eq!(format!("{status:?}"), "Stopping");
        world.run(world.b, open_gate()).unwrap();
        assert_eq!(world.ticks(&held).1, Ok(b"held".to_vec()));
        assert!(world.ticks(&stopping).1.is_ok());
        let status = world.pic.canister_status(world.a, None).unwrap().status;
        assert_eq!(format!("{status:?}"), "Stopped");
    });
}

#[test]
fn starting_cancels_stopping() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let held = world.submit(world.a, wait_for(world.b, script().reply("held")));
        world.pic.tick();
        let stopping = world.submit_management("stop_canister", world.a);
        world.pic.tick();
        world.pic.start_canister(world.a, None).unwrap();
        let reject = world.ticks(&stopping).1.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterStoppingCancelled);
        assert_eq!(world.run(world.a, script().reply("runs")), Ok(b"runs".to_vec()));
        world.run(world.b, open_gate()).unwrap();
        assert_eq!(world.ticks(&held).1, Ok(b"held".to_vec()));
    });
}

#[test]
fn only_a_stopped_canister_can_be_deleted() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let reject = world.pic.delete_canister(world.a, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterNotStopped);
        world.pic.stop_canister(world.a, None).unwrap();
        world.pic.delete_canister(world.a, None).unwrap();
        assert!(!world.pic.canister_exists(world.a));
        assert!(world.pic.canister_exists(world.b));
        // Its id is not given out again.
        assert_ne!(world.pic.create_canister(), world.a);
    });
}

#[test]
fn only_controllers_can_change_a_canister() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.pic.set_controllers(world.a, None, vec![somebody()]).unwrap();
        let stranger = None;
        let rejects = [
            world.pic.upgrade_canister(world.a, canister(), vec![], stranger),
            world.pic.stop_canister(world.a, stranger),
            world.pic.uninstall_canister(world.a, stranger),
            world.pic.set_controllers(world.a, stranger, vec![]),
            world.pic.canister_status(world.a, stranger).map(drop),
        ];
        for reject in rejects {
            let reject = reject.unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterInvalidController);
        }
        world.pic.stop_canister(world.a, Some(somebody())).unwrap();
    });
}

#[test]
fn the_status_says_what_a_canister_is() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let status = world.pic.canister_status(world.a, None).unwrap();
        assert_eq!(format!("{:?}", status.status), "Running");
        assert_eq!(status.settings.controllers, [Principal::anonymous()]);
        assert_eq!(status.settings.freezing_threshold, 2_592_000u32);
        assert_eq!(status.settings.reserved_cycles_limit, 5_000_000_000_000u64);
        assert_eq!(status.memory_metrics.wasm_memory_size, 65_536u32);
        assert_eq!(status.memory_metrics.stable_memory_size, 65_536u32);
        assert_eq!(status.module_hash.map(|hash| hash.len()), Some(32));
        assert!(status.memory_size >= 131_072u32 && status.idle_cycles_burned_per_day > 0u32);
        // The status is asked for by an ingress message, which costs.
        assert!(status.cycles > Nat::from(world.pic.cycle_balance(world.a)) - 10_000_000u32);
    });
}

#[test]
fn settings_can_be_changed_one_by_one() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let change = |settings| world.pic.update_canister_settings(world.a, None, settings);
        let freezing_threshold = Some(Nat::from(77u32));
        change(CanisterSettings { freezing_threshold, ..Default::default() }).unwrap();
        let wasm_memory_limit = Some(Nat::from(70_000u32));
        change(CanisterSettings { wasm_memory_limit, ..Default::default() }).unwrap();
        let settings = world.pic.canister_status(world.a, None).unwrap().settings;
        assert_eq!(settings.freezing_threshold, 77u32);
        assert_eq!(settings.wasm_memory_limit, 70_000u32);
        let compute_allocation = Some(Nat::from(101u32));
        change(CanisterSettings { compute_allocation, ..Default::default() }).unwrap_err();
        // The heap is at the limit but for some bytes, so it cannot grow.
        let reject = world.run(world.a, script().grow(1).reply("")).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterWasmMemoryLimitExceeded);
    });
}

#[test]
fn environment_variables_can_be_read_by_the_canister() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let set = |name: &str, value: &str| {
            let variable = EnvironmentVariable { name: name.into(), value: value.into() };
            let environment_variables = Some(vec![variable]);
            let settings = CanisterSettings { environment_variables, ..Default::default() };
            world.pic.update_canister_settings(world.a, None, settings).unwrap();
        };
        let name = "PUBLIC_CANISTER_ID:callee";
        let read = || world.run(world.a, script().append_variable(name).reply_appended());
        assert!(read().is_err());
        set(name, "aaaaa-aa");
        assert_eq!(read(), Ok(b"aaaaa-aa".to_vec()));
        set("OTHER", "x");
        assert!(read().is_err());
    });
}

#[test]
fn a_query_changes_nothing() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let change =
            script().set(6).store(9).store_global().store_stable(0).stable_grow(1).reply("asked");
        assert_eq!(world.ask(world.a, change), Ok(b"asked".to_vec()));
        assert_eq!(memories(&world), [5, 5, 5]);
    });
}

#[test]
fn inspect_message_decides_which_ingress_messages_are_let_in() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let send = || {
            let anonymous = Principal::anonymous();
            world.pic.submit_call(world.a, anonymous, "run", script().count(9).bytes())
        };
        let inspect = |script: crate::script::Script| {
            let setup = crate::script::script().keep(ON_INSPECT, script);
            world.pic.reinstall_canister(world.a, canister(), setup.bytes(), None).unwrap();
        };
        inspect(script().count(8).method_name_size().when(script().accept_ingress()));
        send().unwrap();
        world.pic.tick();
        assert_eq!((world.cell(world.a, 9), world.cell(world.a, 8)), (1, 0));
        inspect(script());
        assert_eq!(send().unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
        inspect(script().trap("no"));
        assert_eq!(send().unwrap_err().error_code, ErrorCode::CanisterCalledTrap);
        // 200 million instructions are allowed, 8 a turn.
        inspect(script().spin(26_000_000).accept_ingress());
        send().unwrap_err();
        // Canisters' calls are not inspected.
        let one = call(world.a).running(script().reply("let in"));
        assert_eq!(world.run(world.b, script().call(one)), Ok(b"let in".to_vec()));
    });
}

#[test]
fn a_timer_fires_once_in_the_first_round_that_is_not_before_it() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let setup = script().keep(crate::script::ON_TIMER, script().count(9)).reply("");
        world.run(world.a, setup).unwrap();
        let now = world.pic.get_time().as_nanos_since_unix_epoch();
        world.run(world.a, script().timer(now + 1_000_000_000).reply("")).unwrap();
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 0);
        world.pic.advance_time(std::time::Duration::from_secs(1));
        world.pic.tick();
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 1);
    });
}

#[test]
fn a_heartbeat_runs_in_every_round() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1))))"#;
        let id = world.pic.create_canister();
        world.pic.install_canister(id, canister_with(heartbeat), vec![], None);
        let before = world.cell(id, 9);
        for _ in 0..7 {
            world.pic.tick();
        }
        assert_eq!(world.cell(id, 9), before + 7);
    });
}

#[test]
fn a_canister_can_be_created_with_cycles_and_topped_up() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let id = world.pic.create_canister();
        assert_eq!(world.pic.cycle_balance(id), CYCLES);
        assert_eq!(world.pic.add_cycles(id, 5), CYCLES + 5);
        assert_eq!(world.pic.cycle_balance(id), CYCLES + 5);
    });
}

#[test]
fn garbage_is_not_installed_and_says_why() {
    on_every_server(|server| {
        let world = server.one_subnet();
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
            let id = world.pic.create_canister();
            let reject = world.pic.reinstall_canister(id, module, vec![], None).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterInvalidWasm);
            assert!(reject.reject_message.contains(part), "{}", reject.reject_message);
            assert_eq!(world.pic.canister_status(id, None).unwrap().module_hash, None);
        }
        assert_eq!(world.run(world.a, script().reply("well")), Ok(b"well".to_vec()));
    });
}

#[test]
fn a_canister_is_not_installed_over_another() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let install = || world.pic.install_canister(world.a, canister(), vec![], None);
        let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(install));
        assert!(failure.is_err());
        fill(&world);
        assert_eq!(memories(&world), [5, 5, 5]);
    });
}

#[test]
fn calls_that_are_open_during_an_upgrade_are_still_answered() {
    on_every_server(|server| {
        let world = server.two_subnets();
        // The callee is upgraded while a call to it waits.
        let held = call(world.b).running(wait_for(world.a, script().reply("held")));
        let message = world.submit(world.a, script().call(held));
        world.pic.tick();
        let reject = world.pic.upgrade_canister(world.b, canister(), vec![], None);
        // Its callbacks run in the new code, whose heap is empty: they find no script there.
        reject.unwrap();
        world.run(world.a, open_gate()).unwrap();
        let (code, _) = rejected(&world.ticks(&message).1.unwrap());
        assert_eq!(code, 5);
        let other = install(&world.pic);
        let message = world.submit(other, parallel_calls(crate::patterns::pong(world.b), 3));
        assert!(world.ticks(&message).1.is_ok());
    });
}
