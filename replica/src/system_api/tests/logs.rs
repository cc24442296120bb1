//! Tests of the canister log: which executions write to it, and what that costs.

use super::widths::in_both_widths;
use crate::canister::harness::{ask, installed, round, update};
use crate::canister::{Canister, Task, execute_task};

/// A module that prints in several entry points, and has methods that trap.
const PRINTING: &str = r#"(module
  (import "ic0" "debug_print" (func $print (param ptr ptr)))
  (import "ic0" "trap" (func $trap (param ptr ptr)))
  (import "ic0" "msg_reply" (func $reply))
  (memory ptrs 1)
  (data (ptr.const 0) "init\00heartbeat\00update\00query\00why\00")
  (func (export "canister_init") (call $print (ptr.const 0) (ptr.const 4)))
  (func (export "canister_heartbeat")
    (call $print (ptr.const 5) (ptr.const 9)) unreachable)
  (func (export "canister_update print")
    (call $print (ptr.const 15) (ptr.const 6)) (call $reply))
  (func (export "canister_query look")
    (call $print (ptr.const 22) (ptr.const 5)) (call $reply))
  (func (export "canister_update trap") (call $trap (ptr.const 28) (ptr.const 3)))
  (func (export "canister_update trap_silently") (call $trap (ptr.const 0) (ptr.const 0)))
  (func (export "canister_update trap_outside") (call $trap (ptr.const -1) (ptr.const 3)))
  (func (export "canister_update print_outside")
    (call $print (ptr.const -1) (ptr.const 3)) (call $reply))
  (func (export "canister_update reply_twice") (call $reply) (call $reply)))"#;

fn lines(canister: &Canister) -> Vec<String> {
    let text = |content: &Vec<u8>| String::from_utf8(content.clone()).expect("it is UTF-8");
    canister.log.records().map(|record| text(&record.content)).collect()
}

#[test]
fn printed_lines_and_traps_are_logged_in_order_with_consecutive_numbers() {
    in_both_widths(PRINTING, |canister| {
        for method in ["print", "trap", "trap_silently", "trap_outside", "print_outside"] {
            let _ = update(canister, method, &[]);
        }
        execute_task(canister, Task::Heartbeat, &round());
        let expected = [
            "init",
            "update",
            "[TRAP]: why",
            "[TRAP]: (no message)",
            "[TRAP]: (trap message out of memory bounds)",
            "(debug_print message out of memory bounds)",
            "heartbeat",
            "[TRAP]: unreachable",
        ];
        assert_eq!(lines(canister), expected);
        let numbers: Vec<u64> = canister.log.records().map(|record| record.idx).collect();
        assert_eq!(numbers, Vec::from_iter(0..expected.len() as u64));
        assert!(canister.log.records().all(|record| record.time == round().time));
    });
}

#[test]
fn replicated_queries_write_to_the_log_and_other_queries_do_not() {
    in_both_widths(PRINTING, |canister| {
        update(canister, "look", &[]).0.expect("it replies");
        assert_eq!(lines(canister), ["init", "query"]);
        ask(canister, "look", &[]).expect("it replies");
        assert_eq!(lines(canister), ["init", "query"]);
    });
}

#[test]
fn a_contract_violation_is_not_logged() {
    in_both_widths(PRINTING, |canister| {
        update(canister, "reply_twice", &[]).0.expect_err("a second reply is a contract violation");
        assert_eq!(lines(canister), ["init"]);
    });
}

#[test]
fn printing_is_free_without_a_log_and_costs_more_with_a_larger_log() {
    let text = r#"(module
      (import "ic0" "debug_print" (func $print (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (func (export "canister_update none") (call $print (i32.const 0) (i32.const 0)) (call $reply))
      (func (export "canister_update much")
        (call $print (i32.const 0) (i32.const 10000)) (call $reply))
      (func (export "canister_update twice")
        (call $print (i32.const 0) (i32.const 1000))
        (call $print (i32.const 0) (i32.const 5000)) (call $reply)))"#;
    let mut canister = installed(text);
    let mut charges = |limit: u64| {
        canister.settings.log_memory_limit = limit;
        canister.settings_changed();
        let mut instructions = |method| update(&mut canister, method, &[]).1;
        let none = instructions("none");
        let charge = |bytes: u64, instructions: u64| instructions - none - bytes;
        let much = charge(10_000, instructions("much"));
        // The second call adds two operands, the Wasm call, and the cost of the function.
        let twice = charge(6_000, instructions("twice")) - (2 + 5 + 100);
        (much, twice)
    };
    assert_eq!(charges(0), (0, 0));
    let default = 4_096;
    assert_eq!(
        charges(default),
        ((2 + 50) * default, (2 + 50) * 1_000 + 2 * default + 50 * (default - 1_040))
    );
    assert_eq!(charges(1), charges(default), "a log that is not disabled has at least 4096 bytes");
    assert_eq!(charges(1 << 20), ((2 + 50) * 10_000, (2 + 50) * 6_000));
}

#[test]
fn a_trap_is_charged_for_its_text_and_for_its_log_line() {
    let trapping = |bytes: u64| {
        let mut canister = installed(&format!(
            r#"(module
              (import "ic0" "trap" (func $trap (param i32 i32)))
              (memory 1)
              (func (export "canister_update go") (call $trap (i32.const 0) (i32.const {bytes}))))"#
        ));
        update(&mut canister, "go", &[]).1
    };
    assert_eq!(trapping(100) - trapping(0), 100 + (2 + 50) * 100);
}
