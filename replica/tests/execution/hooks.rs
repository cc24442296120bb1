//! What canisters run without being called by a canister: queries, inspection, timers, heartbeats.

use crate::installation::{fill, memories};
use crate::script::{
    ON_INSPECT, ON_TIMER, Script, call, canister, canister_with, number, script, wasm,
};
use crate::world::{install_module, on_every_server};
use candid::Principal;
use pocket_ic::ErrorCode;
use std::time::Duration;

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
        let inspect = |script: Script| {
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
        let setup = script().keep(ON_TIMER, script().count(9)).reply("");
        world.run(world.a, setup).unwrap();
        let now = world.pic.get_time().as_nanos_since_unix_epoch();
        world.run(world.a, script().timer(now + 1_000_000_000).reply("")).unwrap();
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 0);
        world.pic.advance_time(Duration::from_secs(1));
        world.pic.tick();
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), 1);
    });
}

#[test]
fn a_timer_that_fires_is_no_longer_set_and_may_be_set_again() {
    on_every_server(|server| {
        let world = server.one_subnet();
        // It is set to a time that has passed.
        let hook = script().timer(1).store(8).count(9);
        world.run(world.a, script().keep(ON_TIMER, hook).put(8, 77).timer(1).reply("")).unwrap();
        world.pic.tick();
        let fired = world.cell(world.a, 9);
        assert_eq!((world.cell(world.a, 8), fired > 0), (0, true));
        world.pic.tick();
        assert_eq!(world.cell(world.a, 9), fired + 1);
        // What it is set to is returned, and 0 switches it off.
        let off = world.run(world.a, script().timer(0).reply_number()).unwrap();
        let fired = world.cell(world.a, 9);
        world.pic.tick();
        assert_eq!((number(&off), world.cell(world.a, 9)), (1, fired));
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

/// Sets a timer that is due at once when it is installed.
const PUNCTUAL: &str = r#"(module
  (import "ic0" "time" (func $time (result i64)))
  (import "ic0" "global_timer_set" (func $set (param i64) (result i64)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func (export "canister_init") (drop (call $set (call $time))))
  (func (export "canister_global_timer") (i32.store8 (i32.const 0) (i32.const 1)))
  (func (export "canister_query fired")
    (call $append (i32.const 0) (i32.const 1)) (call $reply)))"#;

#[test]
fn a_timer_that_is_due_when_it_is_set_in_init_fires_in_the_round_of_the_installation() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let id = install_module(&world.pic, wasm(PUNCTUAL));
        assert_eq!(world.pic.query_call(id, Principal::anonymous(), "fired", vec![]), Ok(vec![1]));
    });
}

#[test]
fn a_heartbeat_leaves_every_other_round_to_messages() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1))))"#;
        let id = world.pic.create_canister();
        world.pic.install_canister(id, canister_with(heartbeat), vec![], None);
        let before = world.cell(id, 9);
        let messages: Vec<_> = (0..8)
            .map(|_| {
                let message = world.submit(id, script().load(9).reply_number());
                world.pic.tick();
                message
            })
            .collect();
        assert_eq!(world.cell(id, 9), before + 4);
        assert!(messages.iter().all(|message| world.answer(message).is_some()));
    });
}

#[test]
fn timer_and_heartbeat_come_first_in_turn() {
    on_every_server(|server| {
        let world = server.one_subnet();
        // Cell 9 counts both; each keeps what it was when the other had run.
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1)))
            (i64.store (i32.const 80) (i64.load (i32.const 72))))"#;
        let id = world.pic.create_canister();
        world.pic.install_canister(id, canister_with(heartbeat), vec![], None);
        let now = world.pic.get_time().as_nanos_since_unix_epoch();
        let timer = script().count(9).load(9).store(11).timer(now);
        world.run(id, script().keep(ON_TIMER, timer).timer(now).reply("")).unwrap();
        let timer_was_first = || {
            world.pic.tick();
            world.cell(id, 11) < world.cell(id, 10)
        };
        let turns = [(); 6].map(|()| timer_was_first());
        assert_eq!(turns[..2], turns[2..4]);
        assert_eq!(turns[..2], turns[4..]);
        assert_ne!(turns[0], turns[1]);
    });
}

#[test]
fn queries_are_free() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let ask = || world.ask(world.a, script().spin(1_000_000).reply("free")).unwrap();
        assert_eq!(world.spent(world.a, ask), (0, b"free".to_vec()));
    });
}
