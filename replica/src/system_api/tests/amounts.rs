//! Tests of the functions that read and accept amounts of cycles.

use super::widths::in_both_widths;
use crate::canister::harness::*;
use crate::canister::{Canister, Execution, execute_next};
use crate::error::{ErrorCode, Reject};
use crate::message::{CallContent, CallHeader, Message, Request, Response};
use crate::topology::canister_id;
use crate::types::{CallbackId, Cycles, Payload};

/// A module that replies with amounts of cycles. The argument has two numbers: the amount to accept or
/// burn (each method accepts twice), and the amount to attach to the call that `later` makes.
const MODULE: &str = r#"(module
  (import "ic0" "msg_arg_data_copy" (func $argument (param ptr ptr ptr)))
  (import "ic0" "msg_cycles_available128" (func $available (param ptr)))
  (import "ic0" "msg_cycles_refunded128" (func $refunded (param ptr)))
  (import "ic0" "msg_cycles_accept128" (func $accept (param i64 i64 ptr)))
  (import "ic0" "cycles_burn128" (func $burn (param i64 i64 ptr)))
  (import "ic0" "canister_cycle_balance128" (func $balance (param ptr)))
  (import "ic0" "canister_liquid_cycle_balance128" (func $liquid (param ptr)))
  (import "ic0" "call_new" (func $new (param ptr ptr ptr ptr ptr ptr ptr ptr)))
  (import "ic0" "call_cycles_add128" (func $add (param i64 i64)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
  (import "ic0" "msg_reply" (func $reply))
  (memory ptrs 1)
  (table 1 funcref)
  (elem (i32.const 0) func $callback)
  (data (ptr.const 100) "the first amount the other one..")
  (func $told (call $append (ptr.const 0) (ptr.const 16)))
  (func $accepting
    (call $available (ptr.const 0)) (call $told)
    (call $accept (i64.load (ptr.const 108)) (i64.load (ptr.const 100)) (ptr.const 0))
    (call $told)
    (call $accept (i64.load (ptr.const 108)) (i64.load (ptr.const 100)) (ptr.const 0))
    (call $told)
    (call $available (ptr.const 0)) (call $told))
  (func $argued (call $argument (ptr.const 100) (ptr.const 0) (ptr.const 32)))
  (func $accept_at_once (call $argued) (call $accepting) (call $reply))
  (export "canister_update accept" (func $accept_at_once))
  (export "canister_query accept_too" (func $accept_at_once))
  (func $callback (param ptr)
    (call $refunded (ptr.const 0)) (call $told) (call $accepting) (call $reply))
  (func (export "canister_update later") (call $argued)
    (call $new (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
      (ptr.const 0) (ptr.const 0) (ptr.const 0) (ptr.const 0))
    (call $add (i64.load (ptr.const 124)) (i64.load (ptr.const 116)))
    (drop (call $perform)))
  (func (export "canister_update burn") (call $argued)
    (call $balance (ptr.const 0)) (call $told)
    (call $liquid (ptr.const 0)) (call $told)
    (call $burn (i64.load (ptr.const 108)) (i64.load (ptr.const 100)) (ptr.const 0)) (call $told)
    (call $balance (ptr.const 0)) (call $told)
    (call $liquid (ptr.const 0)) (call $told)
    (call $reply)))"#;

/// An amount that needs more than 64 bits, with both halves not 0.
const LARGE: Cycles = (5 << 64) + 7;

fn argument(first: Cycles, other: Cycles) -> Vec<u8> {
    [first.to_le_bytes(), other.to_le_bytes()].concat()
}

fn amounts(reply: &[u8]) -> Vec<Cycles> {
    reply.as_chunks::<16>().0.iter().map(|bytes| Cycles::from_le_bytes(*bytes)).collect()
}

/// Executes a call from another canister, with cycles attached.
fn called(canister: &mut Canister, method: &str, argument: Payload, cycles: Cycles) -> Execution {
    let header = CallHeader {
        caller: canister_id(1),
        callee: canister.id.into(),
        callback: CallbackId(0),
        deadline: None,
    };
    let content = CallContent { method: method.into(), argument, cycles };
    let request = Request { header, content };
    canister.queues.push_input_request(request, false);
    execute_next(canister, &round()).expect("there is a message")
}

/// The response to that call: the amounts in the reply, and the refunded cycles.
fn response(canister: &mut Canister) -> (Vec<Cycles>, Cycles) {
    match canister.queues.pop_output(canister_id(1)) {
        Some(Message::Response(response)) => {
            let reply = response.result.as_ref().expect("it is a reply");
            (amounts(reply), response.refund)
        }
        other => panic!("there is a response: {other:?}"),
    }
}

#[test]
fn a_call_accepts_the_requested_cycles_until_none_are_left() {
    in_both_widths(MODULE, |canister| {
        for method in ["accept", "accept_too"] {
            for (asked, first, second) in
                [(0, 0, 0), (1, 1, 1), (3 << 64, 3 << 64, (2 << 64) + 7), (Cycles::MAX, LARGE, 0)]
            {
                let before = canister.balance;
                called(canister, method, argument(asked, 0), LARGE);
                let left = LARGE - first - second;
                let expected = vec![LARGE, first, second, left];
                assert_eq!(response(canister), (expected, left), "{asked} in {method}");
                let (most, fee) = (before + first + second, 1 << 30);
                assert!(most - fee < canister.balance && canister.balance < most);
            }
        }
    });
}

#[test]
fn a_callback_reads_its_refund_and_accepts_the_remaining_cycles_of_its_call_context() {
    in_both_widths(MODULE, |canister| {
        canister.balance += 2 * LARGE;
        for answer in [Ok(vec![]), Err(Reject::by_canister("no".into()))] {
            called(canister, "later", argument(3 << 64, LARGE), LARGE + 1);
            respond(canister, answer);
            // The callee accepts nothing, so the refund is all that was attached.
            let expected = vec![LARGE, LARGE + 1, 3 << 64, (2 << 64) + 8, 0];
            assert_eq!(response(canister), (expected, 0));
        }
    });
}

#[test]
fn a_canister_can_burn_its_balance_above_the_freezing_threshold() {
    in_both_widths(MODULE, |canister| {
        canister.balance = 3 * LARGE;
        let mut burn = |asked| {
            let before = canister.balance;
            let reply = update(canister, "burn", &argument(asked, 0)).0.expect("it replies");
            let seen = <[Cycles; 5]>::try_from(amounts(&reply)).expect("there are five");
            (seen, before - canister.balance)
        };
        let ([balance, liquid, burned, balance_left, liquid_left], spent) = burn(LARGE);
        assert_eq!((burned, balance_left, liquid_left), (LARGE, balance - LARGE, liquid - LARGE));
        assert!(LARGE < spent && spent < LARGE + (1 << 30), "{spent}");
        let threshold = balance - liquid;
        assert!(0 < threshold && threshold < 1 << 40, "{threshold}");
        let ([_, liquid, burned, balance_left, liquid_left], _) = burn(Cycles::MAX);
        assert_eq!((burned, balance_left, liquid_left), (liquid, threshold, 0));
    });
}

#[test]
fn the_older_functions_trap_on_amounts_that_need_more_than_64_bits() {
    let text = r#"(module
      (import "ic0" "msg_cycles_available" (func $available (result i64)))
      (import "ic0" "msg_cycles_accept" (func $accept (param i64) (result i64)))
      (import "ic0" "canister_cycle_balance" (func $balance (result i64)))
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (func $told (param i64)
        (i64.store (i32.const 0) (local.get 0))
        (call $append (i32.const 0) (i32.const 16)) (call $reply))
      (func (export "canister_update available") (call $told (call $available)))
      (func (export "canister_update accept") (call $told (call $accept (i64.const -1))))
      (func (export "canister_update balance") (call $told (call $balance))))"#;
    let mut canister = installed(text);
    let most = Cycles::from(u64::MAX);
    called(&mut canister, "available", vec![], most);
    assert_eq!(response(&mut canister), (vec![most], most));
    called(&mut canister, "accept", vec![], LARGE);
    assert_eq!(response(&mut canister), (vec![most], LARGE - most));
    called(&mut canister, "available", vec![], most + 1);
    let Some(Message::Response(response)) = canister.queues.pop_output(canister_id(1)) else {
        panic!("there is a response")
    };
    let Response { result, refund, .. } = *response;
    let text = result.expect_err("64 bits are too few").message;
    assert!(text.starts_with("IC0502") && refund == most + 1, "{text}");
    canister.balance = LARGE;
    let failure = error(update(&mut canister, "balance", &[]).0);
    assert_eq!(failure.code, ErrorCode::CanisterTrapped);
}
