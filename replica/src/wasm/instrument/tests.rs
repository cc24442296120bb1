//! Tests of instrumentation: instruction counts and page marks, compared with values computed by hand.

use super::{EXPORT_STABLE_COPIES, OUT_OF_INSTRUCTIONS, PART_WASM_PAGES};
use crate::wasm::harness::{LIMIT, Outcome, compiled, run};
use crate::wasm::module::prepare;
use wasmtime::Trap;

mod generated;
mod page_marks;
mod random;
mod simple;

/// Executes a function with this body. The module has a memory of three Wasm pages, two data segments, a
/// global, and a function to call.
fn body(address: &str, body: &str) -> Outcome {
    run(&format!(
        r#"(module
          (memory {address} 3 4)
          (data "passive data")
          (data "more of it")
          (global $g (mut i32) (i32.const 0))
          (func $returns (result i32) i32.const 3)
          (func (export "f") (local $n i32) (local $x i64) {body}))"#
    ))
}

#[track_caller]
fn uses(instructions: i64, text: &str) {
    let outcome = body("i32", text);
    assert_eq!((outcome.instructions(), outcome.trap), (instructions, None), "{text}");
}

#[track_caller]
fn traps(trap: Trap, instructions: i64, text: &str) {
    let outcome = body("i32", text);
    assert_eq!((outcome.instructions(), outcome.trap), (instructions, Some(trap)), "{text}");
}

/// Whether an instrumented module with this text has a place for copies of stable memory pages.
fn has_stable_copies(text: &str) -> bool {
    let binary = wat::parse_str(text).expect("the text is a module");
    let (bytes, _) = prepare(&binary, &[0; 32], None).expect("the module is valid");
    let (mut is_exported, mut pages) = (false, Vec::new());
    for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
        match payload.expect("it is a module") {
            wasmparser::Payload::MemorySection(memories) => {
                pages.extend(memories.into_iter().map(|memory| memory.expect("valid").initial));
            }
            wasmparser::Payload::ExportSection(exports) => {
                let mut names = exports.into_iter().map(|export| export.expect("valid").name);
                is_exported = names.any(|name| name == EXPORT_STABLE_COPIES);
            }
            _ => {}
        }
    }
    // The page marks of a 32-bit memory are in 17 pages.
    let copies = pages[1] - 17;
    assert_eq!(copies, if is_exported { PART_WASM_PAGES } else { 0 });
    is_exported
}

#[test]
fn only_a_module_whose_code_calls_the_functions_directly_has_a_place_for_stable_copies() {
    let module = |code: &str| {
        format!(
            r#"(module
              (import "ic0" "stable64_size" (func $size (result i64)))
              (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
              (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
              (import "ic0" "stable_read" (func $older_read (param i32 i32 i32)))
              (type $three (func (param i64 i64 i64)))
              (table funcref (elem $read $write))
              (memory 1)
              (func (drop (call $size)) {code}))"#
        )
    };
    let three = "(i64.const 0) (i64.const 0) (i64.const 1)";
    for call in ["call $read", "call $write", "return_call $read"] {
        assert!(has_stable_copies(&module(&format!("({call} {three})"))), "{call}");
    }
    let older = "(call $older_read (i32.const 0) (i32.const 0) (i32.const 1))";
    let through_table = format!("(call_indirect (type $three) {three} (i32.const 0))");
    for code in ["", older, &through_table] {
        assert!(!has_stable_copies(&module(code)), "{code}");
    }
}

#[test]
fn each_executed_block_is_charged() {
    // Each sum: the code before the branch, the branch, the code after it.
    uses(1 + 1 + (1 + 2), "nop (block (br_if 0 (i32.const 1)) nop nop nop)");
    uses(1 + 1 + (1 + 2) + 3, "nop (block (br_if 0 (i32.const 0)) nop nop nop)");
    uses(1 + 2 + 1, "(block (br 0) nop nop) nop");
    uses(1 + (1 + 2) + 2 + 1, "(block (block (br_table 0 1 (i32.const 0)) nop) (br 0)) nop");
    uses(1 + (1 + 2) + 1, "(block (block (br_table 0 1 (i32.const 1)) nop) (br 0)) nop");
    uses(1 + (1 + 2) + 2 + 1, "(if (i32.const 1) (then nop nop) (else nop)) nop");
    uses(1 + (1 + 2) + 1 + 1, "(if (i32.const 0) (then nop nop) (else nop)) nop");
    uses(1 + (1 + 2) + 1, "(if (i32.const 0) (then nop nop)) nop");
    uses(1 + 1 + 1, "nop (return) nop nop");
    // A new block begins after `end`, because a branch can target it.
    uses(1 + 1 + 1 + 1, "(block nop) nop (block nop)");
}

#[test]
fn a_loop_is_charged_for_each_iteration() {
    let turns = "(local.set $n (i32.const 5))
      (loop (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if 0 (local.get $n)) nop)
      nop";
    uses(1 + 2 + 5 * (4 + 1 + 2) + 1 + 1, turns);
    uses(1, "(loop)");
}

#[test]
fn the_code_after_a_loop_subtracts_nothing() {
    use wasmparser::{Operator, Parser, Payload};
    // A loop at the start of a function, and one after a call.
    for before in ["", "(call $g)"] {
        let text = format!(
            r#"(module (global $n (mut i32) (i32.const 0)) (func $g)
              (func {before} (loop $again nop (br_if $again (global.get $n))) nop nop (call $g)))"#
        );
        let binary = wat::parse_str(&text).expect("the text is a module");
        let (bytes, _) = prepare(&binary, &[0; 32], None).expect("the module is valid");
        let last = Parser::new(0).parse_all(&bytes).filter_map(|payload| {
            match payload.expect("it is a module") {
                Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            }
        });
        let body = last.last().expect("it has functions");
        let operators = body.get_operators_reader().expect("it is a module").into_iter();
        let operators: Vec<_> = operators.map(|operator| operator.expect("valid")).collect();
        let count = |operators: &[Operator<'_>]| {
            operators.iter().filter(|operator| matches!(operator, Operator::I64Sub)).count()
        };
        let after =
            operators.iter().rposition(|operator| matches!(operator, Operator::BrIf { .. }));
        let (until, after) = operators.split_at(after.expect("there is the loop"));
        let before = usize::from(!before.is_empty());
        assert_eq!((count(until), count(after)), (2 + before, 0), "{operators:?}");
    }
}

#[test]
fn a_call_does_not_end_a_block() {
    // The code after the call belongs to the same block, so it is charged before the call.
    uses(1 + (5 + 1 + 2) + (1 + 1), "(drop (call $returns)) nop nop");
    traps(
        Trap::UnreachableCodeReached,
        1 + (5 + 1 + 1) + (1 + 1),
        "(drop (call $returns)) unreachable nop nop",
    );
}

#[test]
fn a_trap_within_a_block_is_charged_the_whole_block() {
    let division = "(drop (i32.div_u (i32.const 1) (local.get $n))) nop nop nop";
    traps(Trap::IntegerDivisionByZero, 1 + (1 + 1 + 10 + 1) + 3, division);
    let load = "(drop (i32.load (i32.const 0x7fffffff))) nop";
    traps(Trap::MemoryOutOfBounds, 1 + (1 + 1 + 1) + 1, load);
    let within = "(block nop (drop (i32.load (i32.const 0x7fffffff))) nop) nop nop";
    traps(Trap::MemoryOutOfBounds, 1 + 1 + 3 + 1, within);
    traps(Trap::UnreachableCodeReached, 1 + 2 + 1, "nop nop unreachable nop");
}

#[test]
fn bulk_operations_are_charged_by_size_before_execution() {
    uses(1 + 3 + 100 + 500, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 500))");
    uses(1 + 3 + 100 + 500, "(memory.copy (i32.const 0) (i32.const 9) (i32.const 500))");
    for bytes in [1, 128, 129] {
        let copy = format!("(memory.copy (i32.const 0) (i32.const 9) (i32.const {bytes}))");
        uses(1 + 3 + 100 + bytes, &copy);
        uses(1 + 2 * (3 + 100 + bytes), &format!("{copy} {copy}"));
    }
    uses(1 + 3 + 100 + 7, "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 7))");
    for text in [
        "(memory.fill (i32.const 196000) (i32.const 1) (i32.const 5000))",
        "(memory.copy (i32.const 0) (i32.const 196000) (i32.const 5000))",
        "(memory.init 1 (i32.const 0) (i32.const 0) (i32.const 5000))",
    ] {
        traps(Trap::MemoryOutOfBounds, 1 + 3 + 100 + 5_000 + 1, &format!("{text} nop"));
    }
    // In a 64-bit module, sizes have 64 bits, except for `memory.init`.
    for (text, size) in [
        ("(memory.fill (i64.const 0) (i32.const 1) (i64.const 500))", 500),
        ("(memory.copy (i64.const 0) (i64.const 9) (i64.const 500))", 500),
        ("(memory.init 1 (i64.const 5) (i32.const 0) (i32.const 10))", 10),
    ] {
        assert_eq!(body("i64", text).instructions(), 1 + 3 + 100 + size, "{text}");
    }
}

#[test]
fn functions_loops_and_bulk_operations_stop_an_execution_without_instructions_left() {
    let endless = [
        "(loop $l (br $l))",
        "(loop $l (drop (call $returns)) (br $l))",
        "(loop $l (memory.copy (i32.const 0) (i32.const 9) (i32.const 100)) (br $l))",
        "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000)) (br $l))",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))",
    ];
    for text in endless {
        let outcome = body("i32", text);
        assert_eq!(
            (outcome.counter, outcome.trap),
            (OUT_OF_INSTRUCTIONS, Some(Trap::UnreachableCodeReached)),
            "{text}"
        );
    }
    // Sizes with which the subtraction from the counter would wrap around.
    for size in [i64::MAX, i64::MIN, -1, i64::MIN + LIMIT, i64::MAX - LIMIT] {
        let outcome =
            body("i64", &format!("(memory.fill (i64.const 0) (i32.const 1) (i64.const {size}))"));
        assert_eq!(
            (outcome.counter, outcome.trap),
            (OUT_OF_INSTRUCTIONS, Some(Trap::UnreachableCodeReached)),
            "{size}"
        );
    }
}

#[test]
fn the_counter_can_end_below_zero() {
    // A block that costs more than is left, in a function that ends before the next check.
    let count = LIMIT / 100 + 1;
    let text =
        format!("(if (i32.const 1) (then {}))", "(drop (table.size)) ".repeat(count as usize));
    let outcome = run(&format!(r#"(module (table 1 funcref) (func (export "f") {text}))"#));
    assert_eq!((outcome.trap, outcome.instructions()), (None, 1 + 3 + count * 101));
    assert!(outcome.counter < 0);
}

#[test]
fn modules_without_memory_and_empty_modules_are_instrumented() {
    assert_eq!(run(r#"(module (func (export "f") nop))"#).instructions(), 2);
    compiled("(module)");
    compiled("(module (memory 0))");
}

#[test]
fn compiled_instructions_include_those_that_the_replica_adds() {
    let count = |text: &str| compiled(text).info.compiled_instructions;
    // Two added functions and three added globals.
    let empty = count("(module)");
    assert_eq!(empty, 20 + 46 + 3 * 2);
    assert_eq!(count("(module (global i32 (i32.const 0)))"), empty + 2);
    // A function: its instructions and `end`, four to subtract from the counter and six to check it.
    assert_eq!(count("(module (func nop nop))"), empty + 3 + 10);
    // `loop` also checks the counter. The block after its `end` has no cost.
    assert_eq!(count("(module (func (loop nop)))"), empty + 4 + 20);
    assert_eq!(count("(module (func (block nop) nop))"), empty + 5 + 10 + 4);
    let memory = |text: &str| count(&format!("(module (memory 1) (func {text}))")) - empty - 10;
    let fill = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))";
    assert_eq!(memory(fill), 5 + 3);
    assert_eq!(memory("(drop (memory.grow (i32.const 0)))"), 4 + 3);
}
