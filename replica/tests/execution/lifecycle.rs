//! Canisters stop, start and go; what their controllers decide.

use crate::installation::fill;
use crate::patterns::{open_gate, wait_for};
use crate::script::{call, script};
use crate::world::{CYCLES, on_every_server};
use candid::{Nat, Principal};
use pocket_ic::{CanisterSettings, EnvironmentVariable, ErrorCode};
use std::time::Duration;

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
fn a_stop_request_times_out_after_five_minutes_and_the_canister_goes_on_stopping() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let held = world.submit(world.a, wait_for(world.b, script().reply("held")));
        world.pic.tick();
        let early = world.submit_management("stop_canister", world.a);
        world.pic.tick();
        world.pic.advance_time(Duration::from_secs(200));
        let late = world.submit_management("stop_canister", world.a);
        world.pic.tick();
        world.pic.advance_time(Duration::from_secs(101));
        world.pic.tick();
        let reject = world.answer(&early).expect("it has timed out").unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::StopCanisterRequestTimeout);
        assert_eq!(world.answer(&late), None);
        world.run(world.b, open_gate()).unwrap();
        assert!(world.ticks(&held).1.is_ok());
        assert!(world.ticks(&late).1.is_ok(), "who still waits learns that it has stopped");
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
fn a_canister_cannot_be_deleted_while_its_answers_wait_for_room_in_a_stream() {
    on_every_server(|server| {
        let world = server.two_subnets();
        // A stream holds ten megabytes, of which four get into the other subnet a round.
        let large = || call(world.b).running(script().append_zeros(2 << 20).reply_appended());
        let calls =
            world.submit(world.a, script().repeat(20, script().call(large().on_answer(script()))));
        world.pic.tick();
        let stopping = world.submit_management("stop_canister", world.b);
        world.pic.tick();
        assert!(world.answer(&stopping).is_some_and(|answer| answer.is_ok()));
        let deleting = world.submit_management("delete_canister", world.b);
        world.pic.tick();
        let reject = world.answer(&deleting).expect("it is answered").unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterQueueNotEmpty);
        world.ticks(&calls).1.unwrap_err();
        world.pic.delete_canister(world.b, None).unwrap();
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
fn a_canister_can_be_created_with_cycles_and_topped_up() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let id = world.pic.create_canister();
        assert_eq!(world.pic.cycle_balance(id), CYCLES);
        assert_eq!(world.pic.add_cycles(id, 5), CYCLES + 5);
        assert_eq!(world.pic.cycle_balance(id), CYCLES + 5);
    });
}
