//! Blocks, traps and marks, summed and listed by hand.

use super::OUT_OF_INSTRUCTIONS;
use crate::wasm::harness::{LIMIT, Outcome, compiled, run};
use wasmtime::Trap;

mod page_marks;
mod random;

/// Executes a function with this body in a module with three pages of memory and some more.
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

#[test]
fn code_is_counted_block_by_block() {
    // What comes before a branch, the branch itself, and what comes after it.
    uses(1 + 1 + (1 + 2), "nop (block (br_if 0 (i32.const 1)) nop nop nop)");
    uses(1 + 1 + (1 + 2) + 3, "nop (block (br_if 0 (i32.const 0)) nop nop nop)");
    uses(1 + 2 + 1, "(block (br 0) nop nop) nop");
    uses(1 + (1 + 2) + 2 + 1, "(block (block (br_table 0 1 (i32.const 0)) nop) (br 0)) nop");
    uses(1 + (1 + 2) + 1, "(block (block (br_table 0 1 (i32.const 1)) nop) (br 0)) nop");
    uses(1 + (1 + 2) + 2 + 1, "(if (i32.const 1) (then nop nop) (else nop)) nop");
    uses(1 + (1 + 2) + 1 + 1, "(if (i32.const 0) (then nop nop) (else nop)) nop");
    uses(1 + (1 + 2) + 1, "(if (i32.const 0) (then nop nop)) nop");
    uses(1 + 1 + 1, "nop (return) nop nop");
    // The end of a block begins one, which a branch can lead to.
    uses(1 + 1 + 1 + 1, "(block nop) nop (block nop)");
}

#[test]
fn loops_are_counted_from_their_start_each_time_around() {
    let turns = "(local.set $n (i32.const 5))
      (loop (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if 0 (local.get $n)) nop)
      nop";
    uses(1 + 2 + 5 * (4 + 1 + 2) + 1 + 1, turns);
    uses(1, "(loop)");
}

#[test]
fn calls_end_no_block() {
    // What comes after the call is charged before it, in one sum.
    uses(1 + (5 + 1 + 2) + (1 + 1), "(drop (call $returns)) nop nop");
    traps(
        Trap::UnreachableCodeReached,
        1 + (5 + 1 + 1) + (1 + 1),
        "(drop (call $returns)) unreachable nop nop",
    );
}

#[test]
fn a_trap_in_the_middle_of_a_block_is_charged_the_whole_block() {
    let division = "(drop (i32.div_u (i32.const 1) (local.get $n))) nop nop nop";
    traps(Trap::IntegerDivisionByZero, 1 + (1 + 1 + 10 + 1) + 3, division);
    let load = "(drop (i32.load (i32.const 0x7fffffff))) nop";
    traps(Trap::MemoryOutOfBounds, 1 + (1 + 1 + 1) + 1, load);
    let within = "(block nop (drop (i32.load (i32.const 0x7fffffff))) nop) nop nop";
    traps(Trap::MemoryOutOfBounds, 1 + 1 + 3 + 1, within);
    traps(Trap::UnreachableCodeReached, 1 + 2 + 1, "nop nop unreachable nop");
}

#[test]
fn bulk_operations_are_charged_by_size_before_they_are_carried_out() {
    uses(1 + 3 + 100 + 500, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 500))");
    uses(1 + 3 + 100 + 500, "(memory.copy (i32.const 0) (i32.const 9) (i32.const 500))");
    uses(1 + 3 + 100 + 7, "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 7))");
    for text in [
        "(memory.fill (i32.const 196000) (i32.const 1) (i32.const 5000))",
        "(memory.copy (i32.const 0) (i32.const 196000) (i32.const 5000))",
        "(memory.init 1 (i32.const 0) (i32.const 0) (i32.const 5000))",
    ] {
        traps(Trap::MemoryOutOfBounds, 1 + 3 + 100 + 5_000 + 1, &format!("{text} nop"));
    }
    // Sizes have 64 bits in a 64-bit module, except for segments.
    for (text, size) in [
        ("(memory.fill (i64.const 0) (i32.const 1) (i64.const 500))", 500),
        ("(memory.copy (i64.const 0) (i64.const 9) (i64.const 500))", 500),
        ("(memory.init 1 (i64.const 5) (i32.const 0) (i32.const 10))", 10),
    ] {
        assert_eq!(body("i64", text).instructions(), 1 + 3 + 100 + size, "{text}");
    }
}

#[test]
fn an_execution_stops_where_a_function_a_loop_or_a_bulk_operation_finds_nothing_left() {
    let endless = [
        "(loop $l (br $l))",
        "(loop $l (drop (call $returns)) (br $l))",
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
    // Sizes that would turn the counter around.
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
fn the_counter_may_go_below_zero_where_nobody_looks() {
    // A block that costs more than there is, in a function that ends before anything looks again.
    let count = LIMIT / 100 + 1;
    let text =
        format!("(if (i32.const 1) (then {}))", "(drop (table.size)) ".repeat(count as usize));
    let outcome = run(&format!(r#"(module (table 1 funcref) (func (export "f") {text}))"#));
    assert_eq!((outcome.trap, outcome.instructions()), (None, 1 + 3 + count * 101));
    assert!(outcome.counter < 0);
}

#[test]
fn a_module_without_memory_or_without_anything_is_counted_too() {
    assert_eq!(run(r#"(module (func (export "f") nop))"#).instructions(), 2);
    compiled("(module)");
    compiled("(module (memory 0))");
}

#[test]
fn what_installing_is_charged_for_is_the_module_as_the_replica_instruments_it() {
    let count = |text: &str| compiled(text).info.compiled_instructions;
    // Two helpers and three globals.
    let empty = count("(module)");
    assert_eq!(empty, 20 + 46 + 3 * 2);
    assert_eq!(count("(module (global i32 (i32.const 0)))"), empty + 2);
    // A function: its instructions and `end`, four to take from the counter and six to look at it.
    assert_eq!(count("(module (func nop nop))"), empty + 3 + 10);
    // `loop` looks too; what follows its `end` costs nothing.
    assert_eq!(count("(module (func (loop nop)))"), empty + 4 + 20);
    assert_eq!(count("(module (func (block nop) nop))"), empty + 5 + 10 + 4);
    let memory = |text: &str| count(&format!("(module (memory 1) (func {text}))")) - empty - 10;
    let fill = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))";
    assert_eq!(memory(fill), 5 + 3);
    assert_eq!(memory("(drop (memory.grow (i32.const 0)))"), 4 + 3);
}
