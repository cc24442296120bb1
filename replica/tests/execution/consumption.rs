//! What the network reports about the purposes for which a canister spent its cycles.

use crate::ic00::{about, ask, decode, management, query, somebody};
use crate::patterns::pong;
use candid::{Nat, Principal};
use ic_management_canister_types::{
    CanisterIdRecord, CanisterMetricsResult, CreateCanisterArgs, CyclesConsumed,
};
use pocket_ic::ErrorCode;
use std::time::Duration;
use test_support::script::script;
use test_support::{DEFAULT_CYCLES, ScriptedNetwork, on_every_server};

/// By a query, which costs nothing.
fn consumed(network: &ScriptedNetwork, canister: Principal) -> CyclesConsumed {
    let about = about(canister);
    let reply = query(&network.pic, Principal::anonymous(), canister, "canister_metrics", about);
    decode::<(CanisterMetricsResult,)>(&reply.unwrap()).0.cycles_consumed
}

fn total(consumed: CyclesConsumed) -> Nat {
    let CyclesConsumed {
        memory,
        compute_allocation,
        ingress_induction,
        instructions,
        request_and_response_transmission,
        uninstall,
        canister_creation,
        http_outcalls,
        burned_cycles,
    } = consumed;
    memory
        + compute_allocation
        + ingress_induction
        + instructions
        + request_and_response_transmission
        + uninstall
        + canister_creation
        + http_outcalls
        + burned_cycles
}

#[test]
fn the_consumption_of_a_canister_is_reported_by_purpose_to_the_last_cycle() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let installed = consumed(&network, network.a);
        assert!(installed.instructions > 0u8 && installed.ingress_induction > 0u8);
        assert_eq!(installed.burned_cycles, 0u8);
        assert_eq!(installed.request_and_response_transmission, 0u8);

        let call = pong(network.b).on_reply(script().set(7_000).burn_acc().reply(""));
        network.run(network.a, script().call(call)).unwrap();
        network.pic.advance_time(Duration::from_secs(1_000));
        network.pic.tick();
        let after = consumed(&network, network.a);
        assert_eq!(after.burned_cycles, 7_000u32);
        // 260,000 for the call, and a thousand for each byte of it and of its response.
        let transmission = after.request_and_response_transmission.clone();
        assert!(transmission > 260_000u32 && transmission < 400_000u32, "{transmission}");
        assert!(after.memory > 0u8);
        assert_eq!(total(after) + network.pic.cycle_balance(network.a), DEFAULT_CYCLES);
    });
}

#[test]
fn what_an_open_call_withholds_counts_as_spent_until_it_comes_back() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let held = network.submit(network.a, script().call(pong(network.b)));
        network.pic.tick();
        let open = consumed(&network, network.a);
        assert!(open.request_and_response_transmission > 2_000_000_000u64);
        assert!(open.instructions > 40_000_000_000u64);
        assert_eq!(total(open) + network.pic.cycle_balance(network.a), DEFAULT_CYCLES);
        network.ticks(&held).1.unwrap();
        let after = consumed(&network, network.a);
        assert!(after.request_and_response_transmission < 400_000u32);
        assert_eq!(total(after) + network.pic.cycle_balance(network.a), DEFAULT_CYCLES);
    });
}

#[test]
fn a_canister_spent_the_fee_for_its_creation() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let arguments = CreateCanisterArgs { settings: None, sender_canister_version: None };
        let create = management("create_canister", arguments)
            .cycles(1_000_000_000_000)
            .on_reply(script().append_argument().reply_appended());
        let reply = network.run(network.a, script().call(create)).unwrap();
        let (made,): (CanisterIdRecord,) = decode(&reply);
        let metrics = management("canister_metrics", about(made.canister_id))
            .on_reply(script().append_argument().reply_appended());
        let reply = network.run(network.a, script().call(metrics)).unwrap();
        let (metrics,): (CanisterMetricsResult,) = decode(&reply);
        assert_eq!(metrics.cycles_consumed.canister_creation, 500_000_000_000u64);
        assert_eq!(total(metrics.cycles_consumed), 500_000_000_000u64);
    });
}

#[test]
fn only_controllers_read_the_canister_history() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let reject = ask(&network.pic, somebody(), network.a, "canister_metrics", about(network.a))
            .unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInvalidController);
    });
}
