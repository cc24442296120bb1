//! What is told of what a canister spent its cycles on.

use crate::ic00::{about, ask, decode, management, query, somebody};
use crate::patterns::pong;
use crate::script::script;
use crate::world::{CYCLES, World, on_every_server};
use candid::{Nat, Principal};
use ic_management_canister_types::{
    CanisterIdRecord, CanisterMetricsResult, CreateCanisterArgs, CyclesConsumed,
};
use pocket_ic::ErrorCode;
use std::time::Duration;

/// By a query, which costs nothing.
fn consumed(world: &World, canister: Principal) -> CyclesConsumed {
    let about = about(canister);
    let reply = query(&world.pic, Principal::anonymous(), canister, "canister_metrics", about);
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
fn what_a_canister_spent_is_told_by_what_it_was_for_to_the_last_cycle() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let installed = consumed(&world, world.a);
        assert!(installed.instructions > 0u8 && installed.ingress_induction > 0u8);
        assert_eq!(installed.burned_cycles, 0u8);
        assert_eq!(installed.request_and_response_transmission, 0u8);

        let call = pong(world.b).on_reply(script().set(7_000).burn_acc().reply(""));
        world.run(world.a, script().call(call)).unwrap();
        world.pic.advance_time(Duration::from_secs(1_000));
        world.pic.tick();
        let after = consumed(&world, world.a);
        assert_eq!(after.burned_cycles, 7_000u32);
        // 260,000 for the call, and a thousand for each byte of it and of its response.
        let transmission = after.request_and_response_transmission.clone();
        assert!(transmission > 260_000u32 && transmission < 400_000u32, "{transmission}");
        assert!(after.memory > 0u8);
        assert_eq!(total(after) + world.pic.cycle_balance(world.a), CYCLES);
    });
}

#[test]
fn what_an_open_call_withholds_counts_as_spent_until_it_comes_back() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let held = world.submit(world.a, script().call(pong(world.b)));
        world.pic.tick();
        let open = consumed(&world, world.a);
        assert!(open.request_and_response_transmission > 2_000_000_000u64);
        assert!(open.instructions > 40_000_000_000u64);
        assert_eq!(total(open) + world.pic.cycle_balance(world.a), CYCLES);
        world.ticks(&held).1.unwrap();
        let after = consumed(&world, world.a);
        assert!(after.request_and_response_transmission < 400_000u32);
        assert_eq!(total(after) + world.pic.cycle_balance(world.a), CYCLES);
    });
}

#[test]
fn a_canister_spent_the_fee_for_its_creation() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let arguments = CreateCanisterArgs { settings: None, sender_canister_version: None };
        let create = management("create_canister", arguments)
            .cycles(1_000_000_000_000)
            .on_reply(script().append_argument().reply_appended());
        let reply = world.run(world.a, script().call(create)).unwrap();
        let (made,): (CanisterIdRecord,) = decode(&reply);
        let metrics = management("canister_metrics", about(made.canister_id))
            .on_reply(script().append_argument().reply_appended());
        let reply = world.run(world.a, script().call(metrics)).unwrap();
        let (metrics,): (CanisterMetricsResult,) = decode(&reply);
        assert_eq!(metrics.cycles_consumed.canister_creation, 500_000_000_000u64);
        assert_eq!(total(metrics.cycles_consumed), 500_000_000_000u64);
    });
}

#[test]
fn only_controllers_are_told() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let reject =
            ask(&world.pic, somebody(), world.a, "canister_metrics", about(world.a)).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInvalidController);
    });
}
