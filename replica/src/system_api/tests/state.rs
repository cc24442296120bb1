//! Tests of the functions with which canisters read and change their own state.

use super::widths::{both_widths, in_both_widths};
use crate::canister::harness::*;
use crate::canister::{Canister, Status};
use crate::error::ErrorCode;
use crate::types::Time;
use candid::Principal;

#[test]
fn setting_the_global_timer_returns_its_previous_time() {
    let text = r#"(module
      (import "ic0" "msg_arg_data_copy" (func $argument (param ptr ptr ptr)))
      (import "ic0" "msg_arg_data_size" (func $size (result ptr)))
      (import "ic0" "global_timer_set" (func $set (param i64) (result i64)))
      (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
      (import "ic0" "msg_reply" (func $reply))
      (memory ptrs 1)
      (func $all (local $at ptr)
        (call $argument (ptr.const 8) (ptr.const 0) (call $size))
        (loop $next
          (local.set $at (ptr.add (local.get $at) (ptr.const 8)))
          (i64.store (ptr.const 0) (call $set (i64.load (local.get $at))))
          (call $append (ptr.const 0) (ptr.const 8))
          (br_if $next (ptr.lt_u (local.get $at) (call $size))))
        (call $reply))
      (export "canister_update set" (func $all))
      (func (export "canister_update set_and_trap") (call $all) unreachable))"#;
    in_both_widths(text, |canister| {
        let mut set = |method, times: &[u64]| {
            let argument = times.iter().flat_map(|time| time.to_le_bytes()).collect::<Vec<u8>>();
            let reply = update(canister, method, &argument).0.ok()?;
            let numbers = reply.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
            Some((numbers.collect::<Vec<_>>(), canister.global_timer.map(Time::as_nanos)))
        };
        assert_eq!(set("set", &[7]), Some((vec![0], Some(7))));
        assert_eq!(set("set", &[8, u64::MAX, 9]), Some((vec![7, 8, u64::MAX], Some(9))));
        assert_eq!(set("set_and_trap", &[10]), None);
        assert_eq!(set("set", &[0, 0]), Some((vec![9, 0], None)));
        assert_eq!(set("set", &[11]), Some((vec![0], Some(11))));
    });
}

/// A module that replies with the result of a function without operands: in an update, in a query, and
/// in the callback of a call.
fn replying(function: &str) -> String {
    format!(
        r#"(module
          (import "ic0" "{function}" (func $f (result i32)))
          (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
          (import "ic0" "call_perform" (func $perform (result i32)))
          (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
          (import "ic0" "msg_reply" (func $reply))
          (memory 1)
          (table 1 funcref)
          (elem (i32.const 0) func $callback)
          (func $tell
            (i32.store8 (i32.const 0) (call $f))
            (call $append (i32.const 0) (i32.const 1)) (call $reply))
          (func $callback (param i32) (call $tell))
          (export "canister_update tell" (func $tell))
          (export "canister_query look" (func $tell))
          (func (export "canister_update call")
            (call $new (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
            (drop (call $perform))))"#
    )
}

#[test]
fn canister_status_is_1_while_running_and_2_while_stopping() {
    let mut canister = installed(&replying("canister_status"));
    assert_eq!(update(&mut canister, "tell", &[]).0, Ok(vec![1]));
    assert_eq!(ask(&mut canister, "look", &[]), Ok(vec![1]));
    begin(&mut canister, "call", &[]);
    canister.status = Status::Stopping(vec![]);
    let answer = respond(&mut canister, Ok(vec![])).response.expect("the callback replies");
    assert_eq!(answer.result, Ok(vec![2]));
}

#[test]
fn canister_status_in_an_installation_is_the_status_of_the_canister() {
    let text = r#"(module
      (import "ic0" "canister_status" (func $status (result i32)))
      (func (export "canister_init") (if (i32.ne (call $status) (i32.const STATUS)) (then unreachable))))"#;
    for (status, number) in
        [(Status::Running, 1), (Status::Stopping(vec![]), 2), (Status::Stopped, 3)]
    {
        for expected in 1..=3 {
            let mut canister = empty();
            canister.status = status.clone();
            let code = code(&text.replace("STATUS", &expected.to_string()));
            let installed = install_into(&mut canister, code);
            assert_eq!(installed.is_ok(), expected == number, "{status:?}");
        }
    }
}

#[test]
fn is_controller_compares_whole_principals() {
    let text = r#"(module
      (import "ic0" "msg_arg_data_copy" (func $argument (param ptr ptr ptr)))
      (import "ic0" "msg_arg_data_size" (func $size (result ptr)))
      (import "ic0" "is_controller" (func $is_controller (param ptr ptr) (result i32)))
      (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
      (import "ic0" "msg_reply" (func $reply))
      (memory ptrs 1)
      (func (export "canister_query ask")
        (call $argument (ptr.const 8) (ptr.const 0) (call $size))
        (i32.store8 (ptr.const 0) (call $is_controller (ptr.const 8) (call $size)))
        (call $append (ptr.const 0) (ptr.const 1)) (call $reply)))"#;
    in_both_widths(text, |canister| {
        let (own, long) = (canister.id.principal(), Principal::self_authenticating([1]));
        canister.settings.controllers = [own, long].into();
        canister.settings_changed();
        let longest = [long.as_slice(), &[0]].concat();
        for (principal, expected) in [
            (long.as_slice(), 1),
            (own.as_slice(), 1),
            (Principal::anonymous().as_slice(), 0),
            (&long.as_slice()[..28], 0),
            (&[], 0),
        ] {
            assert_eq!(ask(canister, "ask", principal), Ok(vec![expected]), "{principal:?}");
        }
        let failure = error(ask(canister, "ask", &longest));
        assert_eq!(failure.code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn environment_variables_are_read_by_index_in_the_order_of_names_and_by_name() {
    let text = r#"(module
      (import "ic0" "env_var_count" (func $count (result ptr)))
      (import "ic0" "env_var_name_size" (func $name_size (param ptr) (result ptr)))
      (import "ic0" "env_var_name_copy" (func $name (param ptr ptr ptr ptr)))
      (import "ic0" "env_var_name_exists" (func $exists (param ptr ptr) (result i32)))
      (import "ic0" "env_var_value_size" (func $value_size (param ptr ptr) (result ptr)))
      (import "ic0" "env_var_value_copy" (func $value (param ptr ptr ptr ptr ptr)))
      (import "ic0" "msg_arg_data_copy" (func $argument (param ptr ptr ptr)))
      (import "ic0" "msg_arg_data_size" (func $size (result ptr)))
      (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
      (import "ic0" "msg_reply" (func $reply))
      (memory ptrs 1)
      (data (ptr.const 0) "=;")
      (func $tell (param $size ptr)
        (call $append (ptr.const 8) (local.get $size))
        (call $append (ptr.const 0) (ptr.const 1))
        (call $value (ptr.const 8) (local.get $size) (ptr.const 1000) (ptr.const 0)
          (call $value_size (ptr.const 8) (local.get $size)))
        (call $append (ptr.const 1000) (call $value_size (ptr.const 8) (local.get $size)))
        (call $append (ptr.const 1) (ptr.const 1)))
      (func (export "canister_query all") (local $number ptr)
        (loop $next
          (call $name (local.get $number) (ptr.const 8) (ptr.const 0)
            (call $name_size (local.get $number)))
          (call $tell (call $name_size (local.get $number)))
          (local.set $number (ptr.add (local.get $number) (ptr.const 1)))
          (br_if $next (ptr.lt_u (local.get $number) (call $count))))
        (call $reply))
      (func (export "canister_query exists")
        (call $argument (ptr.const 8) (ptr.const 0) (call $size))
        (if (call $exists (ptr.const 8) (call $size)) (then (call $tell (call $size))))
        (call $reply)))"#;
    in_both_widths(text, |canister| {
        let variables = [("b", "second"), ("PUBLIC_CANISTER_ID:a", ""), ("ä", "ö"), ("", "none")];
        canister.settings.environment_variables =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        canister.settings_changed();
        let tell = |canister: &mut Canister, method, argument: &str| {
            let reply = ask(canister, method, argument.as_bytes()).expect("it replies");
            String::from_utf8(reply).expect("it is UTF-8")
        };
        assert_eq!(tell(canister, "all", ""), "=none;PUBLIC_CANISTER_ID:a=;b=second;ä=ö;");
        assert_eq!(tell(canister, "exists", "b"), "b=second;");
        assert_eq!(tell(canister, "exists", "B"), "");
    });
}

#[test]
fn certified_data_has_at_most_32_bytes_and_is_rolled_back_with_its_message() {
    let text = r#"(module
      (import "ic0" "msg_arg_data_copy" (func $argument (param ptr ptr ptr)))
      (import "ic0" "msg_arg_data_size" (func $size (result ptr)))
      (import "ic0" "certified_data_set" (func $certify (param ptr ptr)))
      (import "ic0" "msg_reply" (func $reply))
      (memory ptrs 1)
      (func $certify_argument
        (call $argument (ptr.const 0) (ptr.const 0) (call $size))
        (call $certify (ptr.const 0) (call $size)))
      (func (export "canister_update certify") (call $certify_argument) (call $reply))
      (func (export "canister_update trap") (call $certify_argument) unreachable))"#;
    in_both_widths(text, |canister| {
        let mut certify = |method, data: &[u8]| {
            let failed = update(canister, method, data).0.err();
            (failed.map(|failure| error(Err(failure)).code), canister.certified_data.clone())
        };
        let data = Vec::from_iter(0..33);
        assert_eq!(certify("certify", &data[..32]), (None, data[..32].to_vec()));
        let violation = Some(ErrorCode::CanisterContractViolation);
        assert_eq!(certify("certify", &data), (violation, data[..32].to_vec()));
        let trap = Some(ErrorCode::CanisterTrapped);
        assert_eq!(certify("trap", b"other"), (trap, data[..32].to_vec()));
        assert_eq!(certify("certify", b""), (None, vec![]));
    });
}

#[test]
fn the_older_stable_memory_functions_address_4_gib() {
    let text = r#"(module
      (import "ic0" "stable64_grow" (func $grow64 (param i64) (result i64)))
      (import "ic0" "stable_grow" (func $grow (param i32) (result i32)))
      (import "ic0" "stable_size" (func $size (result i32)))
      (import "ic0" "stable_read" (func $read (param i32 i32 i32)))
      (import "ic0" "stable_write" (func $write (param i32 i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (func $is (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
      (func (export "canister_update within")
        (call $is (call $grow (i32.const 1)) (i32.const 0))
        (call $is (call $grow (i32.const 65535)) (i32.const 1))
        (call $is (call $grow (i32.const 1)) (i32.const -1))
        (call $is (call $size) (i32.const 65536))
        (i32.store (i32.const 0) (i32.const 1234))
        (call $write (i32.const -4) (i32.const 0) (i32.const 4))
        (call $read (i32.const 8) (i32.const -4) (i32.const 4))
        (call $is (i32.load (i32.const 8)) (i32.const 1234))
        (call $reply))
      (func (export "canister_update beyond")
        (drop (call $grow64 (i64.const 1))) (call $reply))
      (func (export "canister_update size") (drop (call $size)) (call $reply))
      (func (export "canister_update grow") (drop (call $grow (i32.const 0))) (call $reply))
      (func (export "canister_update read")
        (call $read (i32.const 0) (i32.const 0) (i32.const 1)) (call $reply))
      (func (export "canister_update write")
        (call $write (i32.const 0) (i32.const 0) (i32.const 1)) (call $reply)))"#;
    let mut canister = installed(text);
    for method in ["within", "size", "grow", "read", "write", "beyond"] {
        assert_eq!(update(&mut canister, method, &[]).0, Ok(vec![]), "{method}");
    }
    for method in ["size", "grow", "read", "write"] {
        let failure = error(update(&mut canister, method, &[]).0);
        assert_eq!(failure.code, ErrorCode::CanisterTrapped, "{method}");
    }
}

#[test]
fn a_call_under_construction_accepts_one_cleanup_callback_and_one_timeout() {
    for repeated in
        ["(call $on_cleanup (ptr.const 0) (ptr.const 0))", "(call $timeout (i32.const 1))"]
    {
        let text = r#"(module
          (import "ic0" "call_new" (func $new (param ptr ptr ptr ptr ptr ptr ptr ptr)))
          (import "ic0" "call_on_cleanup" (func $on_cleanup (param ptr ptr)))
          (import "ic0" "call_with_best_effort_response" (func $timeout (param i32)))
          (import "ic0" "msg_reply" (func $reply))
          (memory ptrs 1)
          (func $new_call
            (call $new (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
              (ptr.const 0) (ptr.const 0) (ptr.const 0) (ptr.const 0)))
          (func (export "canister_update once") (call $new_call) REPEATED (call $reply))
          (func (export "canister_update anew")
            (call $new_call) REPEATED (call $new_call) REPEATED (call $reply))
          (func (export "canister_update twice") (call $new_call) REPEATED REPEATED))"#;
        for text in both_widths(&text.replace("REPEATED", repeated)) {
            let mut canister = installed(&text);
            assert_eq!(update(&mut canister, "once", &[]).0, Ok(vec![]));
            assert_eq!(update(&mut canister, "anew", &[]).0, Ok(vec![]));
            let failure = error(update(&mut canister, "twice", &[]).0);
            assert_eq!(failure.code, ErrorCode::CanisterContractViolation);
            assert!(failure.description.contains("twice"), "{failure}");
        }
    }
}
