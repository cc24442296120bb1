//! Modules that would take a compiler long.

use super::*;
use std::fmt::Write;
use wasm_encoder::{CodeSection, Function, FunctionSection, Module, TypeSection, ValType};

/// A function with this many locals, each read and written within this many nested loops.
fn nested_loops(locals: usize, loops: usize) -> String {
    let mut text = format!("(func (local {})", "i32 ".repeat(locals));
    text.push_str(&"(loop ".repeat(loops));
    text.push_str(&assignments(locals));
    text.push_str(&"(br_if 0 (local.get 0)))".repeat(loops));
    text + ")"
}

/// Increments each local.
fn assignments(locals: usize) -> String {
    (0..locals).fold(String::new(), |mut text, local| {
        let increment = format_args!("(i32.add (local.get {local}) (i32.const 1))");
        write!(text, "(local.set {local} {increment})").expect("a string takes everything");
        text
    })
}

fn module(functions: &str) -> Vec<u8> {
    wat(&format!("(module {functions})"))
}

/// A module with this many functions, each with this many locals. As text, it would be large and slow to read.
fn functions_with_locals(functions: u32, locals: u32) -> Vec<u8> {
    let (mut types, mut declared, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    let mut body = Function::new([(locals, ValType::I32)]);
    body.instructions().end();
    for _ in 0..functions {
        declared.function(0);
        code.function(&body);
    }
    Module::new().section(&types).section(&declared).section(&code).as_slice().to_vec()
}

/// A function with a branch table of this many targets.
fn table(targets: usize) -> String {
    format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(targets))
}

/// A type with this many parameters and results, and a function of this type.
fn many(operands: usize) -> String {
    let operands = "i32 ".repeat(operands);
    format!(
        "(type $many (func (param {operands}) (result {operands}))) (func $f (type $many) (unreachable))"
    )
}

#[test]
fn a_function_that_merges_too_many_values_is_refused() {
    let largest = nested_loops(260, 260);
    check(&module(&largest)).expect("the most that is accepted");
    let assign = assignments(300);
    for bomb in [
        nested_loops(270, 270),
        nested_loops(2_700, 27),
        nested_loops(27, 2_700),
        format!(
            "(func (local {}) {} {assign} {})",
            "i32 ".repeat(300),
            "(if (local.get 0) (then ".repeat(300),
            "))".repeat(300)
        ),
        format!("(func (local {}) {})", "i32 ".repeat(300), format!("(loop {assign})").repeat(300)),
        // The values are operands, not locals.
        format!("{} (func {})", many(900), "(unreachable) (call $f)".repeat(40)),
        format!("{} (func {})", many(900), "(unreachable) (block (type $many))".repeat(40)),
    ] {
        refused(&module(&format!("(func) {bomb}")), &["up to function", "so many locals", "split"]);
    }
}

/// Counting the effort of this function would take minutes, if counting did not end at the bounds.
#[test]
fn a_function_with_a_million_nested_blocks_is_refused_for_its_complexity() {
    let blocks = 1_000_000;
    let function = format!(
        "(func (local {}) {} {} {})",
        "i32 ".repeat(49_000),
        "block ".repeat(blocks),
        (0..49_000).map(|local| format!("i32.const 0 local.set {local} ")).collect::<String>(),
        "end ".repeat(blocks)
    );
    refused(&module(&function), &["complexity of 51", "split the function"]);
}

#[test]
fn functions_that_each_merge_many_values_are_refused_together() {
    let some = nested_loops(100, 100);
    check(&module(&some.repeat(50))).expect("the most that is accepted");
    refused(&module(&some.repeat(51)), &["up to function 50", "so many locals"]);
}

#[test]
fn locals_are_refused_if_each_function_has_many_of_them() {
    check(&functions_with_locals(400, 49_000)).expect("these are not too many");
    refused(&functions_with_locals(410, 49_000), &["so many locals and branches"]);
    let blocks = format!("(func (local {}) {})", "i32 ".repeat(9_000), "(block)".repeat(5_600));
    refused(&module(&blocks), &["so many locals and blocks"]);
}

#[test]
fn branches_that_bring_many_values_to_one_place_are_refused() {
    let branches = |count: usize| {
        format!(
            "(func (local {}) (block {} {}))",
            "i32 ".repeat(2_000),
            assignments(2_000),
            "(br_if 0 (local.get 0))".repeat(count)
        )
    };
    check(&module(&branches(9_000))).expect("these are not too many");
    refused(&module(&branches(10_500)), &["so many locals and branches"]);
}

#[test]
fn branch_tables_with_too_many_targets_are_refused_together() {
    check(&module(&table(65_000).repeat(30))).expect("these are not too many");
    refused(&module(&table(65_000).repeat(31)), &["branch table targets", "2000000"]);
}

#[test]
#[ignore = "takes a while; shows what the bounds mean"]
fn the_most_that_may_be_compiled_takes_seconds() {
    for (name, text) in [
        ("nested loops", nested_loops(260, 260)),
        ("many functions", nested_loops(100, 100).repeat(50)),
        ("branch tables", table(65_000).repeat(30)),
    ] {
        let bytes = module(&text);
        let begun = std::time::Instant::now();
        compile(&bytes).expect("the module is accepted");
        println!("{name}: {} bytes compile in {:?}", bytes.len(), begun.elapsed());
    }
}
