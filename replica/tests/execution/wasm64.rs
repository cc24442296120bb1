//! Modules with 64-bit memory.

use candid::Principal;
use test_support::script::{call, canister, rejected, script, wasm};
use test_support::scripted::install_module;
use test_support::{ScriptedNetwork, Server, StatusOf, on_every_server};

/// Calls `run` of the canister whose id is the argument, with the bytes after it; passes the reply
/// on, and rejects with a text of its own on a reject. Notes in stable memory that cleanup ran.
fn relay() -> Vec<u8> {
    wasm(
        r#"(module
            (import "ic0" "msg_arg_data_size" (func $size (result i64)))
            (import "ic0" "msg_arg_data_copy" (func $copy (param i64 i64 i64)))
            (import "ic0" "msg_reply_data_append" (func $append (param i64 i64)))
            (import "ic0" "msg_reply" (func $reply))
            (import "ic0" "msg_reject" (func $reject (param i64 i64)))
            (import "ic0" "call_new" (func $call_new (param i64 i64 i64 i64 i64 i64 i64 i64)))
            (import "ic0" "call_on_cleanup" (func $on_cleanup (param i64 i64)))
            (import "ic0" "call_data_append" (func $data (param i64 i64)))
            (import "ic0" "call_perform" (func $perform (result i32)))
            (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
            (import "ic0" "trap" (func $trap (param i64 i64)))
            (memory i64 2)
            (table 4 funcref)
            (elem (i32.const 1) func $replied $rejected $cleanup)
            (data (i64.const 8) "run")
            (data (i64.const 16) "rejected: ")
            (func (export "canister_update relay") (local $n i64)
                (local.set $n (call $size))
                ;; Beyond the first page, where addresses still have to be right.
                (call $copy (i64.const 70000) (i64.const 0) (local.get $n))
                (call $call_new
                    (i64.const 70000) (i64.const 10) (i64.const 8) (i64.const 3)
                    (i64.const 1) (i64.const 4294967297)
                    (i64.const 2) (i64.const 4294967298))
                (call $on_cleanup (i64.const 3) (i64.const 4294967299))
                (call $data (i64.const 70010) (i64.sub (local.get $n) (i64.const 10)))
                (if (call $perform) (then (unreachable))))
            (func $replied (param $env i64)
                (if (i64.ne (local.get $env) (i64.const 4294967297)) (then (unreachable)))
                (if (i64.eqz (call $size)) (then (call $trap (i64.const 8) (i64.const 3))))
                (call $copy (i64.const 32) (i64.const 0) (call $size))
                (call $append (i64.const 32) (call $size))
                (call $reply))
            (func $rejected (param $env i64)
                (if (i64.ne (local.get $env) (i64.const 4294967298)) (then (unreachable)))
                (call $reject (i64.const 16) (i64.const 8)))
            (func $cleanup (param $env i64)
                (if (i64.ne (local.get $env) (i64.const 4294967299)) (then (unreachable)))
                (drop (call $grow (i64.const 1)))))"#,
    )
}

fn argument(callee: Principal, bytes: &[u8]) -> Vec<u8> {
    [callee.as_slice(), bytes].concat()
}

fn network(server: Server) -> ScriptedNetwork {
    let mut network = server.one_subnet();
    network.a = install_module(&network.pic, relay());
    network
}

#[test]
fn a_64_bit_canister_calls_and_gets_replies_and_rejects() {
    on_every_server(|server| {
        let network = network(server);
        let relay = |steps: test_support::script::Script| {
            let argument = argument(network.b, &steps.bytes());
            network.pic.update_call(network.a, Principal::anonymous(), "relay", argument)
        };
        assert_eq!(relay(script().reply("64 bits")), Ok(b"64 bits".to_vec()));
        assert_eq!(relay(script().reject("no")).unwrap_err().reject_message, "rejected");
        assert_eq!(relay(script().reply("again")), Ok(b"again".to_vec()));
    });
}

#[test]
fn cleanup_of_a_64_bit_canister_runs() {
    on_every_server(|server| {
        let network = network(server);
        let argument = argument(network.b, &script().reply("").bytes());
        let update = network.pic.update_call(network.a, Principal::anonymous(), "relay", argument);
        assert!(update.unwrap_err().reject_message.contains("'run'"));
        let status = network.pic.status_of(network.a, None).unwrap();
        assert_eq!(status.memory_metrics.stable_memory_size, 65_536u32);
    });
}

#[test]
fn a_32_bit_canister_can_call_a_64_bit_one() {
    on_every_server(|server| {
        let network = network(server);
        let caller = install_module(&network.pic, canister());
        let relayed = argument(network.b, &script().reply("through").bytes());
        let one = call(network.a).method("relay").argument(relayed);
        assert_eq!(network.run(caller, script().call(one)), Ok(b"through".to_vec()));
        let relayed = argument(network.b, &script().trap("").bytes());
        let one = call(network.a).method("relay").argument(relayed);
        let reply = network.run(caller, script().call(one)).unwrap();
        assert_eq!(rejected(&reply), (4, "rejected".into()));
    });
}
