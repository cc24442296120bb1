//! Code that runs without a call of another canister: queries, `inspect_message`, timers, heartbeats.

use crate::installation::{fill, memories};
use candid::Principal;
use pocket_ic::ErrorCode;
use std::time::Duration;
use test_support::on_every_server;
use test_support::script::{
    ON_INSPECT, ON_TIMER, Script, call, canister, canister_with, number, script, wasm,
};
use test_support::scripted::install_module;

#[test]
fn a_query_changes_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let change =
            script().set(6).store(9).store_global().store_stable(0).stable_grow(1).reply("asked");
        assert_eq!(network.ask(network.a, change), Ok(b"asked".to_vec()));
        assert_eq!(memories(&network), [5, 5, 5]);
    });
}

#[test]
fn inspect_message_decides_which_ingress_messages_are_let_in() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let send = || {
            let anonymous = Principal::anonymous();
            network.pic.submit_call(network.a, anonymous, "run", script().count(9).bytes())
        };
        let inspect = |script: Script| {
            let setup = test_support::script::script().keep(ON_INSPECT, script);
            network.pic.reinstall_canister(network.a, canister(), setup.bytes(), None).unwrap();
        };
        inspect(script().count(8).method_name_size().when(script().accept_ingress()));
        send().unwrap();
        network.pic.tick();
        assert_eq!((network.cell(network.a, 9), network.cell(network.a, 8)), (1, 0));
        inspect(script());
        assert_eq!(send().unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
        inspect(script().trap("no"));
        assert_eq!(send().unwrap_err().error_code, ErrorCode::CanisterCalledTrap);
        // 200 million instructions are allowed, 8 a turn.
        inspect(script().spin(26_000_000).accept_ingress());
        send().unwrap_err();
        // Canisters' calls are not inspected.
        let one = call(network.a).running(script().reply("let in"));
        assert_eq!(network.run(network.b, script().call(one)), Ok(b"let in".to_vec()));
    });
}

#[test]
fn a_timer_fires_once_in_the_first_round_that_is_not_before_it() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let setup = script().keep(ON_TIMER, script().count(9)).reply("");
        network.run(network.a, setup).unwrap();
        let now = network.pic.get_time().as_nanos_since_unix_epoch();
        network.run(network.a, script().timer(now + 1_000_000_000).reply("")).unwrap();
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 0);
        network.pic.advance_time(Duration::from_secs(1));
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1);
    });
}

#[test]
fn a_timer_that_fires_is_no_longer_set_and_may_be_set_again() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // It is set to a time that has passed.
        let hook = script().timer(1).store(8).count(9);
        network
            .run(network.a, script().keep(ON_TIMER, hook).put(8, 77).timer(1).reply(""))
            .unwrap();
        network.pic.tick();
        let fired = network.cell(network.a, 9);
        assert_eq!((network.cell(network.a, 8), fired > 0), (0, true));
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), fired + 1);
        // What it is set to is returned, and 0 switches it off.
        let off = network.run(network.a, script().timer(0).reply_number()).unwrap();
        let fired = network.cell(network.a, 9);
        network.pic.tick();
        assert_eq!((number(&off), network.cell(network.a, 9)), (1, fired));
    });
}

#[test]
fn callbacks_of_a_timer_may_reply_or_reject_and_the_response_goes_nowhere() {
    on_every_server(|server| {
        for response in [script().reply("nobody waits"), script().reject("nobody waits")] {
            let network = server.one_subnet();
            let one = call(network.b).running(script().reply(""));
            let hook = script().call(one.on_reply(script().count(9).append_all(response)));
            network.run(network.a, script().keep(ON_TIMER, hook).timer(1).reply("")).unwrap();
            let version = |script: Script| {
                number(&network.ask(network.a, script.version().reply_number()).unwrap())
            };
            let before = version(script());
            network.pic.tick();
            network.pic.tick();
            // The timer and the callback.
            assert_eq!((network.cell(network.a, 9), version(script()) - before), (1, 2));
        }
    });
}

#[test]
fn callbacks_of_a_timer_respond_at_most_once() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let one = |then| call(network.b).running(script().reply("")).on_reply(then);
        // In the second callback, the call context has responded.
        let hook = script()
            .call(one(script().count(9).reply("")))
            .call(one(script().count(9).reply("again")));
        network.run(network.a, script().keep(ON_TIMER, hook).timer(1).reply("")).unwrap();
        network.pic.tick();
        network.pic.tick();
        assert_eq!(network.cell(network.a, 9), 1);
    });
}

#[test]
fn a_heartbeat_runs_in_every_round() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1))))"#;
        let id = network.pic.create_canister();
        network.pic.install_canister(id, canister_with(heartbeat), vec![], None);
        let before = network.cell(id, 9);
        for _ in 0..7 {
            network.pic.tick();
        }
        assert_eq!(network.cell(id, 9), before + 7);
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
        let network = server.one_subnet();
        let id = install_module(&network.pic, wasm(PUNCTUAL));
        assert_eq!(
            network.pic.query_call(id, Principal::anonymous(), "fired", vec![]),
            Ok(vec![1])
        );
    });
}

#[test]
fn a_heartbeat_leaves_every_other_round_to_messages() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1))))"#;
        let id = network.pic.create_canister();
        network.pic.install_canister(id, canister_with(heartbeat), vec![], None);
        let before = network.cell(id, 9);
        let messages: Vec<_> = (0..8)
            .map(|_| {
                let message = network.submit(id, script().load(9).reply_number());
                network.pic.tick();
                message
            })
            .collect();
        assert_eq!(network.cell(id, 9), before + 4);
        assert!(messages.iter().all(|message| network.response(message).is_some()));
    });
}

#[test]
fn timer_and_heartbeat_come_first_in_turn() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Cell 9 counts both; each keeps what it was when the other had run.
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1)))
            (i64.store (i32.const 80) (i64.load (i32.const 72))))"#;
        let id = network.pic.create_canister();
        network.pic.install_canister(id, canister_with(heartbeat), vec![], None);
        let now = network.pic.get_time().as_nanos_since_unix_epoch();
        let timer = script().count(9).load(9).store(11).timer(now);
        network.run(id, script().keep(ON_TIMER, timer).timer(now).reply("")).unwrap();
        let timer_was_first = || {
            network.pic.tick();
            network.cell(id, 11) < network.cell(id, 10)
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
        let network = server.one_subnet();
        let ask = || network.ask(network.a, script().spin(1_000_000).reply("free")).unwrap();
        assert_eq!(network.spent(network.a, ask), (0, b"free".to_vec()));
    });
}
