//! Tests of the functions that return ids and keys, and of `mint_cycles128`.

use super::widths::{both_widths, in_both_widths};
use crate::canister::harness::{error, install_as, round, update};
use crate::error::ErrorCode;
use crate::topology::{canister_id, cycles_minting_canister};

/// A module that replies with all bytes of a pair of functions, or with the last byte.
fn copying(name: &str) -> String {
    format!(
        r#"(module
          (import "ic0" "{name}_size" (func $size (result ptr)))
          (import "ic0" "{name}_copy" (func $copy (param ptr ptr ptr)))
          (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
          (import "ic0" "msg_reply" (func $reply))
          (memory ptrs 1)
          (func (export "canister_update all")
            (call $copy (ptr.const 8) (ptr.const 0) (call $size))
            (call $append (ptr.const 8) (call $size))
            (call $reply))
          (func (export "canister_update end")
            (call $copy (ptr.const 8) (ptr.sub (call $size) (ptr.const 1)) (ptr.const 1))
            (call $append (ptr.const 8) (ptr.const 1))
            (call $reply)))"#
    )
}

#[test]
fn ids_the_root_key_caller_and_argument_can_be_read_whole_and_from_an_offset() {
    for (name, expected) in [
        ("canister_self", canister_id(0).as_slice().to_vec()),
        ("subnet_self", round().subnet.as_slice().to_vec()),
        ("root_key", round().root_key.public_key_der().to_vec()),
        ("msg_caller", vec![4]),
        ("msg_arg_data", b"an argument".to_vec()),
    ] {
        in_both_widths(&copying(name), |canister| {
            let end = vec![*expected.last().expect("no value is empty")];
            assert_eq!(update(canister, "all", b"an argument").0, Ok(expected.clone()), "{name}");
            assert_eq!(update(canister, "end", b"an argument").0, Ok(end), "{name}");
        });
    }
}

#[test]
fn only_the_cycles_minting_canister_mints_cycles() {
    let text = r#"(module
      (import "ic0" "mint_cycles128" (func $mint (param i64 i64 ptr)))
      (import "ic0" "cycles_burn128" (func $burn (param i64 i64 ptr)))
      (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
      (import "ic0" "msg_reply" (func $reply))
      (memory ptrs 1)
      (func (export "canister_update mint") (param)
        (call $mint (i64.const 1) (i64.const 2) (ptr.const 8))
        (call $append (ptr.const 8) (ptr.const 16))
        (call $reply))
      (func (export "canister_update mint_all")
        (call $mint (i64.const -1) (i64.const -1) (ptr.const 8))
        (call $append (ptr.const 8) (ptr.const 16))
        (call $reply))
      (func (export "canister_update mint_and_burn_all_twice")
        (call $mint (i64.const -1) (i64.const -1) (ptr.const 8))
        (call $burn (i64.const -1) (i64.const -1) (ptr.const 8))
        (call $mint (i64.const -1) (i64.const -1) (ptr.const 8))
        (call $burn (i64.const -1) (i64.const -1) (ptr.const 8))
        (call $reply)))"#;
    for text in both_widths(text) {
        let mut minter = install_as(cycles_minting_canister(), &text).expect("it is installed");
        let before = minter.balance;
        let minted = (1u128 << 64) + 2;
        assert_eq!(update(&mut minter, "mint", &[]).0, Ok(minted.to_le_bytes().to_vec()));
        let after = minter.balance;
        assert!(after > before && after - before <= minted && minted - (after - before) < 1 << 30);
        // The balance saturates. The refund of unused instructions is lost.
        let reply = update(&mut minter, "mint_all", &[]).0.expect("it replies");
        assert!(reply != [0xff; 16]);
        assert_eq!(minter.balance, u128::MAX);
        // What is minted or burned in one message may be more than a balance can hold.
        assert!(update(&mut minter, "mint_and_burn_all_twice", &[]).0.is_ok());
        assert!(minter.balance < u128::MAX);

        let mut other = install_as(canister_id(5), &text).expect("it is installed");
        let before = other.balance;
        let failure = error(update(&mut other, "mint", &[]).0);
        assert_eq!(failure.code, ErrorCode::CanisterContractViolation);
        assert!(failure.description.contains("non Cycles Minting Canister"), "{failure}");
        assert!(other.balance < before);
    }
}
