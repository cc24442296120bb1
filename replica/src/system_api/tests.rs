//! Compares the table of functions with the crate `ic0`, which canisters are built with.

mod amounts;
mod conformance;
mod entry_points;
mod every_entry_point;
mod executed;
mod identity;
mod logs;
mod observed;
mod quotes;
mod ranges;
mod stable_copies;
mod state;
mod widths;

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::panic;
use std::sync::Mutex;

/// Older functions with their types. The network still offers them to 32-bit modules; the crate no
/// longer declares them.
const OLDER_FUNCTIONS: [(&str, &str); 9] = [
    ("msg_cycles_available", "(result i64)"),
    ("msg_cycles_refunded", "(result i64)"),
    ("msg_cycles_accept", "(param i64) (result i64)"),
    ("canister_cycle_balance", "(result i64)"),
    ("call_cycles_add", "(param i64)"),
    ("stable_size", "(result i32)"),
    ("stable_grow", "(param i32) (result i32)"),
    ("stable_read", "(param i32 i32 i32)"),
    ("stable_write", "(param i32 i32 i32)"),
];

/// The function that only the cycles minting canister may call, with its type in 32-bit modules.
const MINTING: (&str, &str) = ("mint_cycles128", "(param i64 i64 i32)");

/// The declarations of the crate: each name with the Rust types of parameters and result.
///
/// The test reads them from the source file of the crate. Outside of Wasm, every function of the crate
/// panics, and the location of the panic is the path of that file.
fn declared() -> BTreeMap<String, (Vec<String>, Option<String>)> {
    // An `extern` block holds the declarations for Wasm. The functions that panic follow it.
    let block = IC0_SOURCE.split_once("extern \"C\" {").expect("there is a block").1;
    let block = block.split_once("\n}").expect("the block ends").0;
    let mut functions = BTreeMap::new();
    for declaration in block.split("pub fn ").skip(1) {
        let (name, rest) = declaration.split_once('(').expect("a function has parameters");
        let (parameters, rest) = rest.split_once(')').expect("parameters end");
        let (result, _) = rest.split_once(';').expect("a declaration ends");
        let parameters = parameters.split(',').filter_map(|parameter| parameter.split_once(": "));
        let parameters = parameters.map(|(_, of)| of.trim().to_owned()).collect();
        let result = result.trim().strip_prefix("-> ").map(str::to_owned);
        functions.insert(name.to_owned(), (parameters, result));
    }
    assert!(functions.len() > 60, "the source of ic0 is not written as expected: {functions:?}");
    functions
}

/// The source is read once, because the panic hook is global to the process.
static IC0_SOURCE: LazyLock<String> = LazyLock::new(|| {
    static FILE: Mutex<Option<String>> = Mutex::new(None);
    let before = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        let file = info.location().map(|location| location.file().to_owned());
        if let Some(file) = file.filter(|file| file.contains("ic0-")) {
            *FILE.lock().expect("nothing panics here") = Some(file);
        }
    }));
    let panicked = panic::catch_unwind(ic0::msg_reply);
    panic::set_hook(before);
    assert!(panicked.is_err());
    let file = FILE.lock().expect("nothing panics here").take().expect("the panic has a location");
    let known = "ic0-1.2.0";
    assert!(
        file.contains(known),
        "{file} is not {known}: compare the table of functions with the new version, then update the \
         version in this test"
    );
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
});

/// The text of a 32-bit or 64-bit module that imports a function of this type.
fn importing(name: &str, of: &str, wasm64: bool) -> String {
    let memory = if wasm64 { "i64 1" } else { "1" };
    format!(r#"(module (import "ic0" "{name}" (func {of})) (memory {memory}))"#)
}

fn links(text: &str) -> Result<(), String> {
    let module = crate::wasm::compile(&wat::parse_str(text).expect("the text is a module"));
    let module = module.map_err(|error| error.to_string())?;
    link(&module).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn the_table_has_the_functions_of_the_crate_the_older_functions_and_no_others() {
    let declared: BTreeSet<String> = declared().into_keys().collect();
    let here: BTreeSet<String> =
        FUNCTIONS.iter().map(|function| function.name.to_owned()).collect();
    assert_eq!(here.len(), FUNCTIONS.len(), "the table has a name twice");
    let mut others = BTreeSet::from(OLDER_FUNCTIONS.map(|(name, _)| name.to_owned()));
    others.insert(MINTING.0.to_owned());
    assert_eq!(&declared - &here, BTreeSet::new());
    assert_eq!(&here - &declared, others);
}

#[test]
fn every_function_has_the_declared_type_in_both_pointer_widths() {
    for (name, (parameters, result)) in declared() {
        for wasm64 in [false, true] {
            let wasm_type = |of: &String| match &**of {
                "usize" if wasm64 => "i64",
                "usize" | "u32" => "i32",
                "u64" => "i64",
                other => panic!("{name} has the type {other}"),
            };
            let parameters: Vec<&str> = parameters.iter().map(wasm_type).collect();
            let result = result.as_ref().map(wasm_type).unwrap_or_default();
            let of = format!("(param {}) (result {result})", parameters.join(" "));
            links(&importing(&name, &of, wasm64)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn only_32_bit_modules_have_the_older_functions() {
    for (name, of) in OLDER_FUNCTIONS {
        links(&importing(name, of, false)).unwrap_or_else(|error| panic!("{name}: {error}"));
        links(&importing(name, of, true)).expect_err(name);
    }
}

#[test]
fn both_pointer_widths_have_mint_cycles128() {
    let (name, of) = MINTING;
    links(&importing(name, of, false)).expect("32-bit modules have the function");
    links(&importing(name, &of.replace("i32", "i64"), true)).expect("so have 64-bit modules");
}

#[test]
fn linking_fails_and_names_the_function_if_it_is_unknown_or_has_another_type() {
    let reason = links(&importing("msg_answer", "", false)).expect_err("there is none");
    assert!(reason.contains("'ic0.msg_answer'"), "{reason}");
    let reason =
        links(&importing("msg_reply", "(param i32)", false)).expect_err("it takes nothing");
    assert!(reason.contains("msg_reply"), "{reason}");
    let reason = links(&importing("msg_arg_data_size", "(result i32)", true));
    assert!(reason.expect_err("sizes have 64 bits there").contains("msg_arg_data_size"));
}
