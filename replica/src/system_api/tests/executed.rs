//! Tests of executed functions: calls from a forbidden entry point, and instruction costs.

use crate::canister::harness::{ask, code, error, ingress, installed, round, try_install, update};
use crate::canister::{RoundInput, execute_next};
use crate::error::{ErrorCode, Trap, UserError};

/// A module that calls a function without parameters in an update and in a query.
fn calling(function: &str, result: &str) -> String {
    let drop = if result.is_empty() { "" } else { "drop" };
    format!(
        r#"(module (import "ic0" "{function}" (func $called {result}))
          (func $call (call $called) {drop})
          (func (export "canister_update update") (call $call))
          (func (export "canister_query query") (call $call)))"#
    )
}

#[track_caller]
fn assert_forbidden(error: UserError, function: &str, mode: &str) {
    assert_eq!(error.code, ErrorCode::CanisterContractViolation);
    let text = format!("\"ic0_{function}\" cannot be executed in {mode} mode");
    assert!(error.description.contains(&text), "{error}");
}

#[test]
fn a_function_called_from_a_forbidden_entry_point_violates_the_contract() {
    let mut canister = installed(&calling("accept_message", ""));
    let (result, _) = update(&mut canister, "update", &[]);
    assert_forbidden(error(result), "accept_message", "update");

    let mut canister = installed(&calling("call_perform", "(result i32)"));
    let (result, _) = update(&mut canister, "query", &[]);
    assert_forbidden(error(result), "call_perform", "replicated query");
    let result = ask(&mut canister, "query", &[]);
    assert_forbidden(error(result), "call_perform", "non replicated query");

    for (place, mode) in [(r#"(export "canister_init")"#, "init"), ("$start", "start")] {
        let start = if mode == "start" { "(start $start)" } else { "" };
        let text = format!(
            r#"(module (import "ic0" "msg_reply" (func $reply)) (func {place} (call $reply)) {start})"#
        );
        let failure = try_install(&text).expect_err("an installation cannot reply");
        assert_forbidden(failure, "msg_reply", mode);
    }
}

#[test]
fn a_canister_replies_exactly_once_to_a_call() {
    let mut canister = installed(
        r#"(module (import "ic0" "msg_reply" (func $reply))
          (func (export "canister_update twice") (call $reply) (call $reply))
          (func (export "canister_update never")))"#,
    );
    let twice = error(update(&mut canister, "twice", &[]).0);
    assert_eq!(twice.code, ErrorCode::CanisterContractViolation);
    assert!(twice.description.contains("already replied"), "{twice}");
    let never = error(update(&mut canister, "never", &[]).0);
    assert_eq!(never.code, ErrorCode::CanisterDidNotReply);
}

#[test]
fn a_replicated_query_has_the_instruction_limit_of_queries() {
    let mut canister = installed(
        r#"(module (import "ic0" "msg_reply" (func $reply))
          (func $work (local $times i32)
            (loop $again
              (local.set $times (i32.add (local.get $times) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $times) (i32.const 1000))))
            (call $reply))
          (export "canister_update change" (func $work))
          (export "canister_query look" (func $work)))"#,
    );
    let round = RoundInput { query_instructions_max: 5_000, ..round() };
    let mut call = |method| {
        let message = ingress(&canister, method, &[]);
        canister.queues.push_ingress(message);
        let execution = execute_next(&mut canister, &round).expect("there is a message");
        execution.response.expect("it is answered at once").result
    };
    assert_eq!(call("change"), Ok(vec![]));
    let failure = error(call("look"));
    assert_eq!(failure.code, ErrorCode::CanisterInstructionLimitExceeded);
}

/// The instructions that `body` uses. It may write to the addresses 0 to 99: their page is dirty in
/// any case.
fn instructions(import: &str, body: &str) -> u64 {
    let measured = |body: &str| {
        let mut canister = installed(&format!(
            r#"(module
              (import "ic0" "msg_reply" (func $reply))
              (import "ic0" {import})
              (memory 1)
              (func (export "canister_update measure")
                {body}
                (i64.store (i32.const 100) (i64.const 1))
                (call $reply)))"#
        ));
        let (result, instructions) = update(&mut canister, "measure", &[1; 40]);
        result.expect("it replies");
        instructions
    };
    measured(body) - measured("")
}

#[test]
fn a_system_call_costs_its_operands_the_wasm_call_and_the_cost_of_the_function() {
    let call = 5;
    for (import, body, sum) in [
        (r#""time" (func $f (result i64))"#, "(drop (call $f))", call + 500 + 1),
        (
            r#""performance_counter" (func $f (param i32) (result i64))"#,
            "(drop (call $f (i32.const 1)))",
            1 + call + 200 + 1,
        ),
        (
            r#""msg_arg_data_copy" (func $f (param i32 i32 i32))"#,
            "(call $f (i32.const 0) (i32.const 0) (i32.const 40))",
            3 + call + 500 + 40,
        ),
        (
            r#""msg_reply_data_append" (func $f (param i32 i32))"#,
            "(call $f (i32.const 0) (i32.const 30))",
            2 + call + 500 + 30 * 50,
        ),
        (
            r#""debug_print" (func $f (param i32 i32))"#,
            "(call $f (i32.const 0) (i32.const 0))",
            2 + call + 100,
        ),
        (
            r#""is_controller" (func $f (param i32 i32) (result i32))"#,
            "(drop (call $f (i32.const 0) (i32.const 1)))",
            2 + call + 1_000 + 1 + 1,
        ),
        (r#""stable64_size" (func $f (result i64))"#, "(drop (call $f))", call + 1),
        (
            r#""stable64_grow" (func $f (param i64) (result i64))"#,
            "(drop (call $f (i64.const 1)))",
            1 + call + 100 + 1,
        ),
        (
            r#""call_new" (func $f (param i32 i32 i32 i32 i32 i32 i32 i32))"#,
            "(call $f (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
            8 + call + 1_500 + 14,
        ),
    ] {
        assert_eq!(instructions(import, body), sum, "{body}");
    }
}

#[test]
fn writing_stable_memory_is_charged_once_for_each_page_that_becomes_dirty() {
    let import = r#""stable64_write" (func $write (param i64 i64 i64)))
        (import "ic0" "stable64_grow" (func $grow (param i64) (result i64))"#;
    let grow = "(drop (call $grow (i64.const 1)))";
    let grown = instructions(import, grow);
    let write = "(call $write (i64.const 4000) (i64.const 0) (i64.const 200))";
    let written = 3 + 5 + 20 + 200;
    assert_eq!(instructions(import, &format!("{grow} {write}")), grown + written + 2_000);
    assert_eq!(
        instructions(import, &format!("{grow} {write} {write}")),
        grown + 2 * written + 2_000
    );
}

#[test]
fn a_performance_counter_includes_all_of_the_current_block() {
    let mut canister = installed(
        r#"(module
          (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
          (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
          (import "ic0" "msg_reply" (func $reply))
          (memory 1)
          (func (export "canister_update measure")
            (i64.store (i32.const 0) (call $counter (i32.const 0)))
            nop nop nop
            (call $append (i32.const 0) (i32.const 8))
            (call $reply)))"#,
    );
    let (reply, instructions) = update(&mut canister, "measure", &[]);
    let counted = u64::from_le_bytes(reply.expect("it replies").try_into().expect("a number"));
    // Entering the function; operands, call and store; three `nop`; operands and calls of `append` and
    // `reply`; the cost of `performance_counter`. Not yet: the costs of the other two functions, and
    // the dirty page.
    assert_eq!(counted, 1 + (1 + 1 + 5 + 1) + 3 + (2 + 5) + 5 + 200);
    assert_eq!(instructions, counted + (500 + 8 * 50) + 500 + 1_000);
}

#[test]
fn copying_to_a_module_without_memory_violates_the_contract() {
    let mut canister = installed(
        r#"(module (import "ic0" "msg_caller_copy" (func $f (param i32 i32 i32)))
          (func (export "canister_update go") (call $f (i32.const 0) (i32.const 0) (i32.const 0))))"#,
    );
    let failure = error(update(&mut canister, "go", &[]).0);
    let expected = Trap::Contract("the module has no memory".into());
    assert!(failure.description.contains(&expected.to_string()), "{failure}");
    assert!(code("(module)").module.info.exports.is_empty());
}
