//! Tests that functions check the addresses, sizes and offsets that canisters pass.

use super::widths::in_both_widths;
use crate::canister::harness::{error, update};
use crate::error::ErrorCode;

/// The data at the start of the heap, the address of its last byte, and the largest address.
const DATA: &str = r#"(data (ptr.const 0) "a name\ff")"#;
const LAST: &str = "(ptr.const 65535)";
const AFTER_ALL: &str = "(ptr.const -1)";

/// Calls a function in an update with an argument of 40 bytes. Asserts the error code.
fn failing(function: &str, call: &str, expected: ErrorCode) {
    let call = call.replace("LAST", LAST).replace("AFTER_ALL", AFTER_ALL);
    let text = format!(
        r#"(module (import "ic0" {function}) (memory ptrs 1) {DATA}
          (func (export "canister_update go") {call}))"#
    );
    in_both_widths(&text, |canister| {
        let failure = error(update(canister, "go", &[1; 40]).0);
        assert_eq!(failure.code, expected, "{call}: {failure}");
    });
}

#[test]
fn reading_or_writing_outside_the_heap_violates_the_contract() {
    for (function, call) in [
        (r#""msg_reply_data_append" (func $f (param ptr ptr))"#, "(call $f LAST (ptr.const 2))"),
        (
            r#""msg_reply_data_append" (func $f (param ptr ptr))"#,
            "(call $f AFTER_ALL (ptr.const 1))",
        ),
        (r#""msg_reject" (func $f (param ptr ptr))"#, "(call $f LAST (ptr.const 2))"),
        (r#""certified_data_set" (func $f (param ptr ptr))"#, "(call $f LAST (ptr.const 2))"),
        (
            r#""is_controller" (func $f (param ptr ptr) (result i32))"#,
            "(drop (call $f LAST (ptr.const 2)))",
        ),
        (
            r#""env_var_name_exists" (func $f (param ptr ptr) (result i32))"#,
            "(drop (call $f LAST (ptr.const 2)))",
        ),
        (
            r#""env_var_value_size" (func $f (param ptr ptr) (result ptr))"#,
            "(drop (call $f LAST (ptr.const 2)))",
        ),
        (r#""msg_cycles_available128" (func $f (param ptr))"#, "(call $f (ptr.const 65521))"),
        (r#""canister_cycle_balance128" (func $f (param ptr))"#, "(call $f AFTER_ALL)"),
        (r#""canister_liquid_cycle_balance128" (func $f (param ptr))"#, "(call $f LAST)"),
        (
            r#""msg_cycles_accept128" (func $f (param i64 i64 ptr))"#,
            "(call $f (i64.const 0) (i64.const 0) LAST)",
        ),
        (
            r#""cycles_burn128" (func $f (param i64 i64 ptr))"#,
            "(call $f (i64.const 0) (i64.const 0) LAST)",
        ),
        (r#""cost_create_canister" (func $f (param ptr))"#, "(call $f LAST)"),
        (
            r#""cost_call" (func $f (param i64 i64 ptr))"#,
            "(call $f (i64.const 0) (i64.const 0) LAST)",
        ),
        (
            r#""cost_http_request" (func $f (param i64 i64 ptr))"#,
            "(call $f (i64.const 0) (i64.const 0) LAST)",
        ),
        (
            r#""cost_http_request_v2" (func $f (param ptr ptr ptr))"#,
            "(call $f LAST (ptr.const 2) (ptr.const 0))",
        ),
        (
            r#""cost_sign_with_ecdsa" (func $f (param ptr ptr i32 ptr) (result i32))"#,
            "(drop (call $f LAST (ptr.const 2) (i32.const 0) (ptr.const 0)))",
        ),
    ] {
        failing(function, call, ErrorCode::CanisterContractViolation);
    }
}

#[test]
fn copying_outside_the_heap_or_outside_the_source_violates_the_contract() {
    // The argument has 40 bytes; identifiers and the root key have at least one.
    for name in ["msg_arg_data", "canister_self", "subnet_self", "root_key"] {
        let function = format!(r#""{name}_copy" (func $f (param ptr ptr ptr))"#);
        for call in [
            "(call $f LAST (ptr.const 0) (ptr.const 2))",
            "(call $f AFTER_ALL (ptr.const 0) (ptr.const 1))",
            "(call $f (ptr.const 0) (ptr.const 0) (ptr.const 134))",
            "(call $f (ptr.const 0) (ptr.const 133) (ptr.const 1))",
            "(call $f (ptr.const 0) AFTER_ALL (ptr.const 2))",
        ] {
            failing(&function, call, ErrorCode::CanisterContractViolation);
        }
    }
    // The caller is a principal of one byte, without caller info.
    for name in ["msg_caller", "msg_caller_info_data", "msg_caller_info_signer"] {
        let function = format!(r#""{name}_copy" (func $f (param ptr ptr ptr))"#);
        let call = "(call $f (ptr.const 0) (ptr.const 1) (ptr.const 1))";
        failing(&function, call, ErrorCode::CanisterContractViolation);
    }
}

#[test]
fn stable_memory_out_of_bounds_is_a_wasm_trap() {
    for (function, call) in [
        (
            r#""stable64_read" (func $f (param i64 i64 i64))"#,
            "(call $f (i64.const 0) (i64.const 0) (i64.const 1))",
        ),
        (
            r#""stable64_write" (func $f (param i64 i64 i64))"#,
            "(call $f (i64.const -1) (i64.const 0) (i64.const 1))",
        ),
        (
            r#""stable64_write" (func $f (param i64 i64 i64))"#,
            "(call $f (i64.const -1) (i64.const 0) (i64.const 2))",
        ),
        (
            r#""stable64_read" (func $f (param i64 i64 i64))"#,
            "(call $f (i64.const 65535) (i64.const 0) (i64.const 2))",
        ),
    ] {
        failing(function, call, ErrorCode::CanisterTrapped);
    }
}

#[test]
fn invalid_utf_8_principals_and_candid_violate_the_contract() {
    for (function, call) in [
        (r#""msg_reject" (func $f (param ptr ptr))"#, "(call $f (ptr.const 0) (ptr.const 7))"),
        (
            r#""env_var_name_exists" (func $f (param ptr ptr) (result i32))"#,
            "(drop (call $f (ptr.const 0) (ptr.const 7)))",
        ),
        (
            r#""env_var_name_exists" (func $f (param ptr ptr) (result i32))"#,
            "(drop (call $f (ptr.const 0) (ptr.const 129)))",
        ),
        (
            r#""cost_vetkd_derive_key" (func $f (param ptr ptr i32 ptr) (result i32))"#,
            "(drop (call $f (ptr.const 0) (ptr.const 7) (i32.const 0) (ptr.const 0)))",
        ),
        (
            r#""is_controller" (func $f (param ptr ptr) (result i32))"#,
            "(drop (call $f (ptr.const 0) (ptr.const 30)))",
        ),
        (
            r#""cost_http_request_v2" (func $f (param ptr ptr ptr))"#,
            "(call $f (ptr.const 0) (ptr.const 7) (ptr.const 0))",
        ),
    ] {
        failing(function, call, ErrorCode::CanisterContractViolation);
    }
}

#[test]
fn unknown_counters_and_variables_and_missing_calls_violate_the_contract() {
    for (function, call) in [
        (
            r#""performance_counter" (func $f (param i32) (result i64))"#,
            "(drop (call $f (i32.const 2)))",
        ),
        (r#""call_perform" (func $f (result i32))"#, "(drop (call $f))"),
        (r#""call_on_cleanup" (func $f (param ptr ptr))"#, "(call $f (ptr.const 0) (ptr.const 0))"),
        (
            r#""call_data_append" (func $f (param ptr ptr))"#,
            "(call $f (ptr.const 0) (ptr.const 0))",
        ),
        (
            r#""call_cycles_add128" (func $f (param i64 i64))"#,
            "(call $f (i64.const 0) (i64.const 0))",
        ),
        (r#""call_with_best_effort_response" (func $f (param i32))"#, "(call $f (i32.const 1))"),
        (
            r#""env_var_name_size" (func $f (param ptr) (result ptr))"#,
            "(drop (call $f (ptr.const 0)))",
        ),
        (
            r#""env_var_value_size" (func $f (param ptr ptr) (result ptr))"#,
            "(drop (call $f (ptr.const 0) (ptr.const 6)))",
        ),
    ] {
        failing(function, call, ErrorCode::CanisterContractViolation);
    }
}

#[test]
fn texts_of_debug_print_and_trap_may_be_outside_the_heap() {
    let text = r#"(module
      (import "ic0" "debug_print" (func $print (param ptr ptr)))
      (import "ic0" "trap" (func $trap (param ptr ptr)))
      (import "ic0" "msg_reply" (func $reply))
      (memory ptrs 1)
      (func (export "canister_update print")
        (call $print (ptr.const -1) (ptr.const 2)) (call $reply))
      (func (export "canister_update trap") (call $trap (ptr.const 65535) (ptr.const 2))))"#;
    in_both_widths(text, |canister| {
        assert_eq!(update(canister, "print", &[]).0, Ok(vec![]));
        let trapped = error(update(canister, "trap", &[]).0);
        assert_eq!(trapped.code, ErrorCode::CanisterCalledTrap);
        assert!(trapped.description.contains("out of memory bounds"), "{trapped}");
    });
}
