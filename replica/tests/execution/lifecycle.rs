//! Stopping, starting and deleting canisters, and their settings.

use crate::ic00::submit_management;
use crate::installation::fill;
use crate::patterns::{open_gate, wait_for};
use candid::{Nat, Principal};
use pocket_ic::{CanisterSettings, EnvironmentVariable, ErrorCode};
use std::time::Duration;
use test_support::script::{call, script};
use test_support::{DEFAULT_CYCLES, StatusOf, on_every_server};

#[test]
fn stopping_waits_for_open_call_contexts() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let held = network.submit(network.a, wait_for(network.b, script().reply("held")));
        network.pic.tick();
        let stopping = submit_management(&network, "stop_canister", network.a);
        for _ in 0..5 {
            network.pic.tick();
        }
        assert_eq!((network.response(&held), network.response(&stopping)), (None, None));
        let status = network.pic.status_of(network.a, None).unwrap().status;
        assert_eq!(format!("{status:?}"), "Stopping");
        network.run(network.b, open_gate()).unwrap();
        assert_eq!(network.ticks(&held).1, Ok(b"held".to_vec()));
        assert!(network.ticks(&stopping).1.is_ok());
        let status = network.pic.status_of(network.a, None).unwrap().status;
        assert_eq!(format!("{status:?}"), "Stopped");
    });
}

#[test]
fn a_stopping_canister_takes_in_its_own_messages_only_at_the_beginning_of_a_round() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let far = call(network.b).running(script().reply("")).on_response(script().reply(""));
        let own = call(network.a).running(script().call(far)).on_response(script().reply("done"));
        let call = || network.submit(network.a, script().call(own.clone()));
        // The response of the far call comes in the second tick, in which the canister responds to itself.
        assert_eq!(network.ticks(&call()), (2, Ok(b"done".to_vec())));
        let stopped = call();
        network.pic.tick();
        let stopping = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        assert_eq!(network.response(&stopped), None);
        network.pic.tick();
        assert_eq!(network.response(&stopped), Some(Ok(b"done".to_vec())));
        assert!(network.response(&stopping).is_some_and(|response| response.is_ok()));
    });
}

#[test]
fn a_stop_request_times_out_after_five_minutes_and_the_canister_goes_on_stopping() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let held = network.submit(network.a, wait_for(network.b, script().reply("held")));
        network.pic.tick();
        let early = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        network.pic.advance_time(Duration::from_secs(200));
        let late = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        network.pic.advance_time(Duration::from_secs(101));
        network.pic.tick();
        let reject = network.response(&early).expect("it has timed out").unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::StopCanisterRequestTimeout);
        assert_eq!(network.response(&late), None);
        network.run(network.b, open_gate()).unwrap();
        assert!(network.ticks(&held).1.is_ok());
        assert!(network.ticks(&late).1.is_ok(), "who still waits learns that it has stopped");
    });
}

#[test]
fn starting_cancels_stopping() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let held = network.submit(network.a, wait_for(network.b, script().reply("held")));
        network.pic.tick();
        let stopping = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        network.pic.start_canister(network.a, None).unwrap();
        let reject = network.ticks(&stopping).1.unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterStoppingCancelled);
        assert_eq!(network.run(network.a, script().reply("runs")), Ok(b"runs".to_vec()));
        network.run(network.b, open_gate()).unwrap();
        assert_eq!(network.ticks(&held).1, Ok(b"held".to_vec()));
    });
}

#[test]
fn only_a_stopped_canister_can_be_deleted() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let reject = network.pic.delete_canister(network.a, None).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterNotStopped);
        network.pic.stop_canister(network.a, None).unwrap();
        network.pic.delete_canister(network.a, None).unwrap();
        assert!(!network.pic.canister_exists(network.a));
        assert!(network.pic.canister_exists(network.b));
        // Its id is not given out again.
        assert_ne!(network.pic.create_canister(), network.a);
    });
}

#[test]
fn the_status_says_what_a_canister_is() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let status = network.pic.status_of(network.a, None).unwrap();
        assert_eq!(format!("{:?}", status.status), "Running");
        assert_eq!(status.settings.controllers, [Principal::anonymous()]);
        assert_eq!(status.settings.freezing_threshold, 2_592_000u32);
        assert_eq!(status.settings.reserved_cycles_limit, 5_000_000_000_000u64);
        assert_eq!(status.memory_metrics.wasm_memory_size, 65_536u32);
        assert_eq!(status.memory_metrics.stable_memory_size, 65_536u32);
        assert_eq!(status.module_hash.map(|hash| hash.len()), Some(32));
        assert!(status.memory_size >= 131_072u32 && status.idle_cycles_burned_per_day > 0u32);
        // The status is asked for by an ingress message, which costs.
        assert!(status.cycles > Nat::from(network.pic.cycle_balance(network.a)) - 10_000_000u32);
    });
}

#[test]
fn a_canister_cannot_be_deleted_while_its_answers_wait_for_room_in_a_stream() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // A stream holds ten megabytes, of which four get into the other subnet a round.
        let large = || call(network.b).running(script().append_zeros(2 << 20).reply_appended());
        let calls = network
            .submit(network.a, script().repeat(20, script().call(large().on_response(script()))));
        network.pic.tick();
        let stopping = submit_management(&network, "stop_canister", network.b);
        network.pic.tick();
        assert!(network.response(&stopping).is_some_and(|answer| answer.is_ok()));
        let deleting = submit_management(&network, "delete_canister", network.b);
        network.pic.tick();
        let reject = network.response(&deleting).expect("the canister replies").unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterQueueNotEmpty);
        network.ticks(&calls).1.unwrap_err();
        network.pic.delete_canister(network.b, None).unwrap();
    });
}

#[test]
fn settings_can_be_changed_one_by_one() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let change = |settings| network.pic.update_canister_settings(network.a, None, settings);
        let freezing_threshold = Some(Nat::from(77u32));
        change(CanisterSettings { freezing_threshold, ..Default::default() }).unwrap();
        let wasm_memory_limit = Some(Nat::from(70_000u32));
        change(CanisterSettings { wasm_memory_limit, ..Default::default() }).unwrap();
        let settings = network.pic.status_of(network.a, None).unwrap().settings;
        assert_eq!(settings.freezing_threshold, 77u32);
        assert_eq!(settings.wasm_memory_limit, 70_000u32);
        let compute_allocation = Some(Nat::from(101u32));
        change(CanisterSettings { compute_allocation, ..Default::default() }).unwrap_err();
        // The heap is at the limit but for some bytes, so it cannot grow.
        let reject = network.run(network.a, script().grow(1).reply("")).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterWasmMemoryLimitExceeded);
    });
}

#[test]
fn environment_variables_can_be_read_by_the_canister() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let set = |name: &str, value: &str| {
            let variable = EnvironmentVariable { name: name.into(), value: value.into() };
            let environment_variables = Some(vec![variable]);
            let settings = CanisterSettings { environment_variables, ..Default::default() };
            network.pic.update_canister_settings(network.a, None, settings).unwrap();
        };
        let name = "PUBLIC_CANISTER_ID:callee";
        let read = || network.run(network.a, script().append_variable(name).reply_appended());
        assert_eq!(read().unwrap_err().error_code, ErrorCode::CanisterContractViolation);
        set(name, "aaaaa-aa");
        assert_eq!(read(), Ok(b"aaaaa-aa".to_vec()));
        set("OTHER", "x");
        assert_eq!(read().unwrap_err().error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn a_canister_can_be_created_with_cycles_and_topped_up() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let id = network.pic.create_canister();
        assert_eq!(network.pic.cycle_balance(id), DEFAULT_CYCLES);
        assert_eq!(network.pic.add_cycles(id, 5), DEFAULT_CYCLES + 5);
        assert_eq!(network.pic.cycle_balance(id), DEFAULT_CYCLES + 5);
    });
}
