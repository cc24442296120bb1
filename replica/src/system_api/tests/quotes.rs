//! Tests of the functions `cost_…`.

use super::widths::in_both_widths;
use crate::canister::harness::{error, update};
use crate::cycles::Prices;
use crate::cycles::http::{Outcall, OutcallType};
use crate::error::ErrorCode;
use candid::Reserved;

/// A module that executes `call` and replies with the 16 bytes at address 4,000. For `call`, the
/// argument is at address 0 and its size in `$size`.
fn quoting(function: &str, call: &str) -> String {
    format!(
        r#"(module
          (import "ic0" {function})
          (import "ic0" "msg_arg_data_size" (func $argument_size (result ptr)))
          (import "ic0" "msg_arg_data_copy" (func $copy (param ptr ptr ptr)))
          (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
          (import "ic0" "msg_reply" (func $reply))
          (memory ptrs 1)
          (func (export "canister_update quote") (local $size ptr)
            (local.set $size (call $argument_size))
            (call $copy (ptr.const 0) (ptr.const 0) (local.get $size))
            {call}
            (call $append (ptr.const 4000) (ptr.const 16))
            (call $reply)))"#
    )
}

#[test]
fn prices_are_written_as_128_bit_numbers() {
    let prices = Prices::new(13, false);
    for (function, call, expected) in [
        (
            r#""cost_create_canister" (func $f (param ptr))"#,
            "(call $f (ptr.const 4000))",
            prices.canister_creation(),
        ),
        (
            r#""cost_http_request" (func $f (param i64 i64 ptr))"#,
            "(call $f (i64.const 10) (i64.const -1) (ptr.const 4000))",
            prices.http_request(10, u64::MAX),
        ),
    ] {
        in_both_widths(&quoting(function, call), |canister| {
            let reply = update(canister, "quote", &[]).0.expect("it replies");
            assert_eq!(reply, expected.to_le_bytes(), "{function}");
        });
    }
}

#[test]
fn cost_http_request_v2_reads_its_parameters_as_candid() {
    #[derive(candid::CandidType)]
    struct WithoutType {
        request_bytes: u64,
        http_roundtrip_time_ms: u64,
        raw_response_bytes: u64,
        transformed_response_bytes: u64,
        transform_instructions: u64,
    }
    let outcall = |outcall_type| Outcall {
        request_bytes: 1_000,
        http_roundtrip_time_ms: 2_000,
        raw_response_bytes: 3_000,
        transformed_response_bytes: 2_000,
        transform_instructions: 1_000_000,
        outcall_type,
    };
    let older = WithoutType {
        request_bytes: 1_000,
        http_roundtrip_time_ms: 2_000,
        raw_response_bytes: 3_000,
        transformed_response_bytes: 2_000,
        transform_instructions: 1_000_000,
    };
    let prices = Prices::new(13, false);
    let text = quoting(
        r#""cost_http_request_v2" (func $f (param ptr ptr ptr))"#,
        "(call $f (ptr.const 0) (local.get $size) (ptr.const 4000))",
    );
    in_both_widths(&text, |canister| {
        let mut quote = |parameters: Vec<u8>| {
            let reply = update(canister, "quote", &parameters).0.expect("it replies");
            u128::from_le_bytes(reply.try_into().expect("a reply has 16 bytes"))
        };
        let older = quote(candid::encode_one(&older).expect("it is Candid"));
        assert_eq!(older, prices.outcall(&outcall(None)));
        for outcall_type in [
            None,
            Some(OutcallType::FullyReplicated(Reserved)),
            Some(OutcallType::NonReplicated(Reserved)),
            Some(OutcallType::Flexible(None)),
            Some(OutcallType::Flexible(Some(Default::default()))),
        ] {
            let outcall = outcall(outcall_type);
            let parameters = candid::encode_one(&outcall).expect("it is Candid");
            assert_eq!(quote(parameters), prices.outcall(&outcall), "{outcall:?}");
        }
        let nothing = candid::encode_one(()).expect("it is Candid");
        let failure = error(update(canister, "quote", &nothing).0);
        assert_eq!(failure.code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn signature_quotes_check_the_curve_first_and_know_no_key() {
    for (name, curves) in
        [("cost_sign_with_ecdsa", 1), ("cost_sign_with_schnorr", 2), ("cost_vetkd_derive_key", 1)]
    {
        for (curve, expected) in [(0, 2), (curves - 1, 2), (curves, 1), (-1, 1)] {
            let text = quoting(
                &format!(r#""{name}" (func $f (param ptr ptr i32 ptr) (result i32))"#),
                &format!(
                    "(i32.store (ptr.const 4000)
                      (call $f (ptr.const 0) (local.get $size) (i32.const {curve}) (ptr.const -1)))"
                ),
            );
            in_both_widths(&text, |canister| {
                let reply = update(canister, "quote", b"key_1").0.expect("it replies");
                assert_eq!(reply[0], expected, "{name} of curve {curve}");
            });
        }
    }
}
