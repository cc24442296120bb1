//! Tests that calls of `stable64_read` and `stable64_write` do the same with copies of stable memory pages in the added
//! memory as without. Calls through the table reach the imported functions themselves, which use no copies.

use super::widths::both_widths;
use crate::canister::harness::{code, ingress, installed, memories, round, update};
use crate::canister::{Canister, Failure, RoundInput, execute_next};
use crate::limits::{
    DIRTY_PAGE_INSTRUCTIONS, OS_PAGE_BYTES, SLICE_INSTRUCTIONS_MAX, WASM_PAGE_BYTES,
    WASM64_MEMORY_MAX,
};
use crate::system_api::functions::{STABLE64_READ, STABLE64_WRITE};
use crate::types::{Instructions, Payload};
use crate::wasm::{
    PAGE_MARKS_ADDRESS, STABLE_CALL_INSTRUCTIONS, STABLE_COPIES, STABLE_READ_TAGS, TAG_BYTES,
};
use proptest::prelude::*;

/// Executes its argument: operations of 32 bytes each, of four numbers: what to do (0: read, 1: write), the offset in
/// stable memory, the address in the heap, and the size. Replies with a part of the heap.
const INTERPRETER: &str = r#"(module
  (import "ic0" "msg_arg_data_size" (func $size (result ptr)))
  (import "ic0" "msg_arg_data_copy" (func $argument (param ptr ptr ptr)))
  (import "ic0" "msg_reply_data_append" (func $append (param ptr ptr)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (type $three (func (param i64 i64 i64)))
  (table funcref (elem $read $write))
  (memory ptrs 8)
  (func (export "canister_init") (drop (call $grow (i64.const 260))))
  (func $do (param $direct i32) (param $write i64) (param $offset i64) (param $address i64) (param $size i64)
    (if (local.get $direct)
      (then
        (if (i64.eqz (local.get $write))
          (then (call $read (local.get $address) (local.get $offset) (local.get $size)))
          (else (call $write (local.get $offset) (local.get $address) (local.get $size)))))
      (else
        (if (i64.eqz (local.get $write))
          (then (call_indirect (type $three)
            (local.get $address) (local.get $offset) (local.get $size) (i32.const 0)))
          (else (call_indirect (type $three)
            (local.get $offset) (local.get $address) (local.get $size) (i32.const 1)))))))
  (func $run (param $direct i32) (local $at ptr) (local $end ptr)
    (local.set $end (call $size))
    (call $argument (ptr.const 0) (ptr.const 0) (local.get $end))
    (block $done
      (loop $next
        (br_if $done (ptr.ge_u (local.get $at) (local.get $end)))
        (call $do (local.get $direct) (i64.load (local.get $at)) (i64.load offset=8 (local.get $at))
          (i64.load offset=16 (local.get $at)) (i64.load offset=24 (local.get $at)))
        (local.set $at (ptr.add (local.get $at) (ptr.const 32)))
        (br $next)))
    (call $append (ptr.const 65536) (ptr.const 20000))
    (call $reply))
  (func (export "canister_update direct") (call $run (i32.const 1)))
  (func (export "canister_update indirect") (call $run (i32.const 0))))"#;

/// The heap and stable memory of the interpreter, in bytes.
const HEAP_BYTES: u64 = 8 * WASM_PAGE_BYTES;
const STABLE_BYTES: u64 = 260 * WASM_PAGE_BYTES;

/// The offset of the page whose copy has the same place as the copy of the first page.
const OTHER: u64 = (STABLE_COPIES * OS_PAGE_BYTES) as u64;

/// What to do, the offset in stable memory, the address in the heap, and the size.
type Op = (bool, u64, u64, u64);

fn program(ops: &[Op]) -> Vec<u8> {
    let numbers = |&(write, offset, address, size): &Op| [write.into(), offset, address, size];
    ops.iter().flat_map(numbers).flat_map(u64::to_le_bytes).collect()
}

/// Executes the operations in two canisters: with copies, and without. Both must do the same. Returns what they did.
#[track_caller]
fn both(canisters: &mut [Canister; 2], ops: &[Op]) -> Result<Payload, Failure> {
    let run = |canister: &mut Canister, method: &str, ops: &[Op]| {
        let argument = program(ops);
        let message = ingress(canister, method, &argument);
        canister.queues.push_ingress(message);
        let execution = execute_next(canister, &round()).expect("there is a message");
        let response = execution.response.expect("it has a response at once");
        ((response.result, execution.instructions), execution.heap_delta_bytes)
    };
    // Operations without bytes never use copies.
    let without_bytes: Vec<Op> = ops.iter().map(|(write, ..)| (*write, 0, 0, 0)).collect();
    let [direct, indirect] = canisters;
    let of_direct = run(direct, "direct", &without_bytes).0.1;
    let of_indirect = run(indirect, "indirect", &without_bytes).0.1;
    let (with, delta) = run(direct, "direct", ops);
    let (without, expected_delta) = run(indirect, "indirect", ops);
    assert_eq!(with.0, without.0);
    assert_eq!(delta, expected_delta);
    // An indirect call costs more.
    assert_eq!(with.1 - of_direct, without.1 - of_indirect, "instructions");
    let content = |canister: &Canister| {
        let memories = memories(canister);
        let heap = memories.read_heap(0, HEAP_BYTES).expect("it has this size");
        // The operations of the tests are near these places.
        let near = [0, OTHER, STABLE_BYTES - WASM_PAGE_BYTES];
        let stable = |offset| memories.read_stable(offset, WASM_PAGE_BYTES);
        (heap, near.map(|offset| stable(offset).expect("it has this size")))
    };
    assert!(content(direct) == content(indirect), "memories differ");
    with.0
}

fn pair(text: &str) -> [Canister; 2] {
    [installed(text), installed(text)]
}

/// Offsets near each other, around the ends of pages, and in pages whose copies have the same place.
fn offset() -> impl Strategy<Value = u64> {
    let page = OS_PAGE_BYTES as u64;
    let place = prop_oneof![Just(0), Just(page), Just(2 * page), Just(OTHER), Just(OTHER + page)];
    let within = prop_oneof![3 => 0..200u64, 1 => page - 40..page, 1 => 0..page];
    (place, within).prop_map(|(place, within)| place + within)
}

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![8 => 1..40u64, 2 => 0..300u64, 1 => 4_000..9_000u64];
    let address = prop_oneof![3 => 65_536..66_000u64, 1 => 69_600..69_700u64];
    (any::<bool>(), offset(), address, size)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn random_reads_and_writes_do_the_same_with_copies_and_without(
        messages in prop::collection::vec(prop::collection::vec(op(), 0..400), 1..4),
    ) {
        for text in both_widths(INTERPRETER) {
            let mut canisters = pair(&text);
            for ops in &messages {
                both(&mut canisters, ops).expect("all is in bounds");
            }
        }
    }
}

/// Reads and writes of one page that end with a page that has a copy.
fn warm(offset: u64) -> Vec<Op> {
    (0..20).map(|n| (n % 2 == 1, offset + n, 65_536 + 8 * n, 8)).collect()
}

/// The result of a call that can use the instructions of one slice.
fn within_a_slice(
    canister: &mut Canister,
    method: &str,
    argument: &[u8],
) -> Result<Payload, Failure> {
    let message = ingress(canister, method, argument);
    canister.queues.push_ingress(message);
    let round = RoundInput { message_instructions_max: SLICE_INSTRUCTIONS_MAX, ..round() };
    let execution = execute_next(canister, &round).expect("there is a message");
    execution.response.expect("it has a response at once").result
}

#[test]
fn calls_out_of_bounds_fail_alike_with_a_copy_and_without() {
    let last = STABLE_BYTES - OS_PAGE_BYTES as u64;
    for text in both_widths(INTERPRETER) {
        for (write, offset, address, size) in [
            (false, last + 4_090, 65_536, 7),
            (true, last + 4_090, 65_536, 7),
            (false, last, HEAP_BYTES - 7, 8),
            (true, last, HEAP_BYTES - 7, 8),
            (false, last, HEAP_BYTES, 1),
            (false, last, u64::MAX, 1),
            (true, last, u64::MAX - 3, 8),
            (false, last, 1 << 32, 8),
            (true, last, 1 << 32, 8),
            (false, u64::MAX, 65_536, 8),
            (true, u64::MAX - 4_095, 65_536, 8),
            (false, last, 65_536, u64::MAX),
            (true, last, 65_536, u64::MAX - 19),
        ] {
            let mut canisters = pair(&text);
            let ops = [&warm(last)[..], &[(write, offset, address, size)]].concat();
            let argument = program(&ops);
            let [direct, indirect] = &mut canisters;
            let failure = within_a_slice(direct, "direct", &argument);
            assert_eq!(failure, within_a_slice(indirect, "indirect", &argument));
            failure.expect_err("it is out of bounds");
            // Nothing of it is left.
            both(&mut canisters, &warm(last)).expect("this is in bounds");
        }
    }
}

/// The replica marks the pages that a call writes to before it checks the address.
#[test]
fn a_call_far_outside_the_heap_makes_no_tag() {
    // Page 255, whose content is not zero.
    let page = 255;
    let offset = page * OS_PAGE_BYTES as u64;
    for (text, marked_bytes) in
        both_widths(INTERPRETER).iter().zip([1 << 32, WASM64_MEMORY_MAX + OS_PAGE_BYTES as u64])
    {
        let mut canisters = pair(text);
        both(&mut canisters, &[(true, offset, 8, 8)]).expect("this is in bounds");
        // The address whose mark would be the second byte of the tag for reading page 255, which is 256.
        let marks = PAGE_MARKS_ADDRESS as u64;
        let part = (marks + marked_bytes / OS_PAGE_BYTES as u64).next_multiple_of(WASM_PAGE_BYTES);
        let mark = part + STABLE_READ_TAGS as u64 + page * TAG_BYTES as u64 + 1;
        let outside = program(&[(false, 0, (mark - marks) * OS_PAGE_BYTES as u64, 1)]);
        within_a_slice(&mut canisters[0], "direct", &outside).expect_err("it is outside");
        both(&mut canisters, &[(false, offset, 65_536, 8)]).expect("this is in bounds");
    }
}

#[test]
fn calls_at_the_ends_of_heap_and_stable_memory_succeed_with_a_copy() {
    let last = STABLE_BYTES - OS_PAGE_BYTES as u64;
    for text in both_widths(INTERPRETER) {
        let mut ops = warm(last);
        for write in [true, false] {
            ops.push((write, STABLE_BYTES - 9, HEAP_BYTES - 9, 9));
            ops.push((write, last, HEAP_BYTES - 4_096, 4_096));
        }
        both(&mut pair(&text), &ops).expect("all is in bounds");
    }
}

#[test]
fn the_heap_pages_that_a_read_writes_are_dirty() {
    for text in both_widths(INTERPRETER) {
        let mut canisters = pair(&text);
        let mut ops = warm(0);
        // The bytes 0 to 7 of page 16, and the last bytes of page 17 and the first of page 18.
        ops.extend([
            (false, 0, 65_536, 8),
            (false, 1, 18 * 4_096 - 3, 300),
            (false, 2, 200_000, 1),
        ]);
        both(&mut canisters, &ops).expect("all is in bounds");
    }
}

#[test]
fn a_message_with_copies_stops_when_it_has_used_its_instructions() {
    let ops: Vec<Op> = (0..200).map(|n| (n % 3 == 0, n % 50, 65_536, n % 9)).collect();
    let limited = |max: Instructions| {
        let mut canister = installed(&both_widths(INTERPRETER)[0]);
        canister.queues.push_ingress(ingress(&canister, "direct", &program(&ops)));
        let round = RoundInput { message_instructions_max: max, ..round() };
        let execution = execute_next(&mut canister, &round).expect("there is a message");
        let response = execution.response.expect("it has a response at once");
        (response.result.is_ok(), execution.instructions, execution.heap_delta_bytes)
    };
    let (succeeds, all, delta) = limited(round().message_instructions_max);
    assert!(succeeds);
    // Dirty heap pages are charged for after the last instruction of the code. One page of stable memory is dirty.
    let heap_pages = delta / OS_PAGE_BYTES as u64 - 1;
    let run = all - heap_pages * DIRTY_PAGE_INSTRUCTIONS;
    assert!(limited(run).0);
    // The last blocks of code do not check the counter.
    for less in (100..300).chain([1_000, 3_000, 5_000]) {
        let (succeeds, used, _) = limited(run - less);
        assert_eq!((succeeds, used), (false, run - less));
    }
}

#[test]
fn writing_no_bytes_to_a_page_with_a_copy_does_not_make_the_page_dirty() {
    let written = |size: u32| {
        let mut canister = installed(&format!(
            r#"(module
              (import "ic0" "msg_reply" (func $reply))
              (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
              (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
              (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
              (import "ic0" "stable_write" (func $older_write (param i32 i32 i32)))
              (memory 1)
              (data (i32.const 8) "content!")
              (func (export "canister_init") (drop (call $grow (i64.const 1))))
              (func (export "canister_update go") (local $times i32)
                (loop $again
                  (call $read (i64.const 0) (i64.const 0) (i64.const 8))
                  (local.set $times (i32.add (local.get $times) (i32.const 1)))
                  (br_if $again (i32.lt_u (local.get $times) (i32.const 20))))
                (call $older_write (i32.const 5) (i32.const 0) (i32.const {size}))
                (call $write (i64.const 16) (i64.const 8) (i64.const 8))
                (call $reply)))"#
        ));
        let (result, instructions) = update(&mut canister, "go", &[]);
        result.expect("it replies");
        let content = memories(&canister).read_stable(16, 8).expect("it has this size");
        (content, instructions)
    };
    // One byte more costs one instruction more, and the page is dirty after either.
    let (content, instructions) = written(0);
    assert_eq!(content, b"content!");
    assert_eq!(written(1), (content, instructions + 1));
}

#[test]
fn added_functions_charge_what_the_imported_functions_cost() {
    for function in [STABLE64_READ, STABLE64_WRITE] {
        let cost = (function.fixed, function.per_byte);
        assert_eq!(cost, (STABLE_CALL_INSTRUCTIONS as Instructions, 1), "{}", function.name);
    }
}

#[test]
fn imports_with_another_type_are_refused_by_their_name() {
    let text = r#"(module (import "ic0" "stable64_read" (func $f (param i32 i32 i32))) (memory 1)
      (func (call $f (i32.const 0) (i32.const 0) (i32.const 0))))"#;
    let failure = std::panic::catch_unwind(|| code(text)).expect_err("it does not link");
    let failure = failure.downcast::<String>().expect("it has a text");
    assert!(failure.contains("stable64_read"), "{failure}");
}
