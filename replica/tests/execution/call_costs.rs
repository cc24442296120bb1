//! What a call costs, to the last cycle: its parts, and how they are rounded.

use crate::cycles::{CALL_BASE, CALL_BYTE, EXECUTION_BASE, EXECUTION_PREPAID};
use candid::Principal;
use test_support::on_every_server;
use test_support::script::{numbers, wasm};

/// A caller and a callee that note how many instructions they used when they end. `caller` calls a method that
/// replies, `asking` a method that rejects.
fn measured(callee: Principal) -> Vec<u8> {
    let bytes: String = callee.as_slice().iter().map(|byte| format!("\\{byte:02x}")).collect();
    wasm(&format!(
        r#"(module
            (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
            (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
            (import "ic0" "msg_reply" (func $reply))
            (import "ic0" "msg_reject" (func $reject (param i32 i32)))
            (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
            (import "ic0" "call_data_append" (func $data (param i32 i32)))
            (import "ic0" "call_perform" (func $perform (result i32)))
            (memory 1)
            (table 1 funcref)
            (elem (i32.const 0) func $callback)
            (data (i32.const 0) "{bytes}")
            (data (i32.const 32) "callee")
            (data (i32.const 48) "refuse")
            (global $update (mut i64) (i64.const 0))
            (global $callback (mut i64) (i64.const 0))
            (func (export "canister_update callee")
                (call $append (i32.const 0) (i32.const 100))
                (call $reply)
                (global.set $update (call $counter (i32.const 0))))
            (func (export "canister_update refuse")
                (call $reject (i32.const 1000) (i32.const 100)))
            (func (export "canister_update caller") (call $ask (i32.const 32)))
            (func (export "canister_update asking") (call $ask (i32.const 48)))
            (func $ask (param $method i32)
                (call $call_new (i32.const 0) (i32.const {size}) (local.get $method) (i32.const 6)
                    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                (call $data (i32.const 0) (i32.const 50))
                (drop (call $perform))
                (global.set $update (call $counter (i32.const 0))))
            (func $callback (param i32)
                (call $reply)
                (global.set $callback (call $counter (i32.const 0))))
            (func (export "canister_update nothin"))
            (func (export "canister_query counts")
                (i64.store (i32.const 0) (global.get $update))
                (i64.store (i32.const 8) (global.get $callback))
                (call $append (i32.const 0) (i32.const 16))
                (call $reply)))"#,
        size = callee.as_slice().len(),
    ))
}

#[test]
fn the_cost_of_a_call_is_the_sum_of_its_parts() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let [a, b] = [network.a, network.b];
        network.pic.reinstall_canister(a, measured(b), vec![], None).unwrap();
        network.pic.reinstall_canister(b, measured(a), vec![], None).unwrap();
        let anonymous = Principal::anonymous();
        let update = |method| network.pic.update_call(a, anonymous, method, vec![]);
        // Counts are read in the last block of a function, all of which they contain.
        let counts =
            |id| numbers(&network.pic.query_call(id, anonymous, "counts", vec![]).unwrap());
        // A method of nothing costs its induction, its execution and the one instruction of a
        // function.
        let (nothing, _) = network.spent(a, || update("nothin").unwrap_err());
        let induction = nothing - u128::from(EXECUTION_BASE + 1);
        let before = network.pic.cycle_balance(b);
        let (spent, _) = network.spent(a, || update("caller").unwrap());
        let [in_update, in_callback] = counts(a)[..] else { panic!("two counts") };
        let caller = EXECUTION_BASE
            + in_update
            + CALL_BASE
            + CALL_BYTE * (6 + 50 + 100)
            + EXECUTION_BASE
            + in_callback;
        assert_eq!(spent, induction + u128::from(caller));
        let in_callee = counts(b)[0];
        assert_eq!(before - network.pic.cycle_balance(b), u128::from(EXECUTION_BASE + in_callee));
    });
}

#[test]
fn on_34_nodes_what_was_set_aside_comes_back_less_the_price_of_what_was_unused_rounded_down() {
    let scaled = |cycles: u64| u128::from(cycles * 34 / 13);
    let prepaid = scaled(EXECUTION_PREPAID);
    let execution =
        |instructions: u64| prepaid - scaled(EXECUTION_PREPAID - EXECUTION_BASE - instructions);
    on_every_server(|server| {
        let pic = server.instance_with_34_nodes();
        let [a, b] = [0, 1].map(|_| pic.create_canister());
        pic.install_canister(a, measured(b), vec![], None);
        pic.install_canister(b, measured(a), vec![], None);
        let anonymous = Principal::anonymous();
        let spent = |id, method| {
            let before = pic.cycle_balance(id);
            let reply = pic.update_call(a, anonymous, method, vec![]);
            (before - pic.cycle_balance(id), reply.is_ok())
        };
        let counts = |id| numbers(&pic.query_call(id, anonymous, "counts", vec![]).unwrap());
        let bytes = 110 + 1 + a.as_slice().len() as u64 + 6;
        let induction = scaled(1_200_000 + 2_000 * bytes);
        assert_eq!(spent(a, "nothin"), (induction + execution(1), false));
        let caller = spent(a, "caller");
        let [in_update, in_callback] = counts(a)[..] else { panic!("two counts") };
        let transmission = scaled(CALL_BASE) + scaled(CALL_BYTE * 56) + scaled(CALL_BYTE * 100);
        let executions = execution(in_update) + execution(in_callback);
        assert_eq!(caller, (induction + executions + transmission, true));
        assert_eq!(spent(b, "caller"), (execution(counts(b)[0]), true));
    });
}

#[test]
fn a_reject_costs_the_bytes_of_its_text_and_one_for_its_code() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let [a, b] = [network.a, network.b];
        network.pic.reinstall_canister(a, measured(b), vec![], None).unwrap();
        network.pic.reinstall_canister(b, measured(a), vec![], None).unwrap();
        let anonymous = Principal::anonymous();
        let spent = |method| {
            let update = || network.pic.update_call(a, anonymous, method, vec![]).unwrap();
            network.spent(a, update).0
        };
        // Reply and reject have 100 bytes, and the callback is the same.
        assert_eq!(spent("asking") - spent("caller"), u128::from(CALL_BYTE));
    });
}
