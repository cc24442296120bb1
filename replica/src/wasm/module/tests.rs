//! Tests which modules are refused, and that the reason names the cause.

mod damaged;
mod effort;
mod encoding;

use super::sections::ENTRY_POINTS;
use super::*;
use crate::wasm::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a module")
}

/// Validates a module as `compile` does, without compiling it.
fn check(bytes: &[u8]) -> Result<ModuleInfo, String> {
    let (prepared, info) = prepare(bytes, &[0; 32], None).map_err(|error| error.to_string())?;
    info.check_method_names().map_err(|error| error.to_string())?;
    wasmtime::Module::validate(crate::wasm::engine(), &prepared)
        .unwrap_or_else(|error| panic!("instrumentation made the module invalid: {error:#}"));
    Ok(info)
}

/// Asserts that the module is refused with a reason that contains all of `offenders`.
#[track_caller]
fn refused(bytes: &[u8], offenders: &[&str]) {
    let reason = check(bytes).expect_err("the module breaks a rule");
    for offender in offenders {
        assert!(reason.contains(offender), "'{reason}' does not name '{offender}'");
    }
}

/// A module with all kinds of sections.
const RICH: &str = r#"(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (memory (export "memory") 1 2)
  (table 2 funcref)
  (elem (i32.const 0) func $reply $f)
  (data (i32.const 8) "some data")
  (data "passive")
  (global $g (mut i32) (i32.const 1))
  (global i64 (i64.const 2))
  (global $h (export "h") (mut f64) (f64.const 3))
  (func $begin (global.set $g (i32.const 5)))
  (start $begin)
  (func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "canister_init"))
  (func (export "canister_update go") (drop (call $f (i32.const 1))) (call $reply))
  (func (export "canister_query look") (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 7)))
  (func (export "canister_composite_query see"))
  (func (export "helper"))
  (@custom "icp:public candid:service" "service : {}")
  (@custom "icp:private notes" "secret")
  (@custom "name_of_something_else" "ignored"))"#;

#[test]
fn the_properties_of_a_module_are_collected() {
    let info = check(&wat(RICH)).expect("the module is valid");
    assert!(!info.wasm64);
    assert_eq!(Vec::from_iter(&info.imports), ["msg_arg_data_copy", "msg_reply"]);
    for export in ["canister_init", "canister_update go", "canister_query look", "helper"] {
        assert!(info.exports.contains(export), "{export}");
    }
    assert_eq!(info.mutable_globals, 2);
    assert_eq!(info.image.get(0)[8..17], *b"some data");
    assert!(!info.drops_segments);
    let section = |visibility, content: &str| MetadataSection {
        visibility,
        content: content.as_bytes().to_vec(),
    };
    let expected = [
        ("candid:service".to_owned(), section(Visibility::Public, "service : {}")),
        ("notes".to_owned(), section(Visibility::Private, "secret")),
    ];
    assert_eq!(info.metadata, expected.into());
}

#[test]
fn a_module_from_the_cache_on_disk_is_the_one_that_was_instrumented() {
    let cache = tempfile::tempdir().expect("there is a directory for temporary files");
    let cache = KeptModules::new(cache.path());
    let text = RICH.replace("ignored", &"x".repeat(100_000));
    let drops = text.replace("(call $reply))", "(data.drop 1) (call $reply))");
    for module in [wat(&text), wat(&drops)] {
        let hash = Sha256::digest(&module).into();
        let prepare = || prepare(&module, &hash, Some(&cache)).expect("the module is valid");
        assert!(cache.load(&hash).is_none());
        let (bytes, info) = prepare();
        assert!(cache.load(&hash).is_some());
        let (loaded, loaded_info) = prepare();
        assert_eq!(loaded, bytes);
        assert_eq!(format!("{loaded_info:?}"), format!("{info:?}"));
    }
}

#[test]
fn instrumentation_exports_internals_and_removes_the_start_section() {
    let (prepared, info) = prepare(&wat(RICH), &[0; 32], None).expect("the module is valid");
    assert!(info.exports.contains(EXPORT_START));
    let mut exports = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&prepared) {
        match payload.expect("it is a module") {
            Payload::ExportSection(section) => {
                exports.extend(section.into_iter().map(|export| {
                    let export = export.expect("it is a module");
                    (export.name.to_owned(), export.index)
                }));
            }
            Payload::StartSection { .. } => panic!("the replica calls the start function"),
            _ => {}
        }
    }
    for (name, index) in [
        (EXPORT_MEMORY, 0),
        (EXPORT_ADDED_MEMORY, 1),
        (EXPORT_TABLE, 0),
        // The module has 9 functions. Three functions for bulk memory operations are added before these.
        (&format!("{EXPORT_ENTRY}{EXPORT_START}"), 12),
        (&format!("{EXPORT_ENTRY}canister_update go"), 14),
        (EXPORT_CALLBACK, 17),
        (&format!("{EXPORT_GLOBAL}0"), 0),
        (&format!("{EXPORT_GLOBAL}1"), 2),
        ("canister_update go", 5),
        ("memory", 0),
        ("h", 2),
    ] {
        assert!(exports.contains(&(name.to_owned(), index)), "{name} in {exports:?}");
    }
}

#[test]
fn a_module_with_a_64_bit_memory_is_a_64_bit_module() {
    assert!(check(&wat("(module (memory i64 1))")).expect("the module is valid").wasm64);
}

#[test]
fn only_functions_of_the_system_api_can_be_imported() {
    refused(&wat(r#"(module (import "env" "print" (func)))"#), &["'print'", "'env'", "ic0"]);
    refused(&wat(r#"(module (import "ic0" "m" (memory 1)))"#), &["'m'", "not a function"]);
    refused(&wat(r#"(module (import "env" "t" (table 1 funcref)))"#), &["'t'", "not a function"]);
    refused(&wat(r#"(module (import "ic0" "g" (global i32)))"#), &["'g'", "not a function"]);
}

#[test]
fn counts_of_functions_globals_memories_and_methods_are_limited() {
    let many = |count: usize, text: &str| format!("(module {})", text.repeat(count));
    assert!(check(&wat(&many(50_000, "(func)"))).is_ok());
    refused(&wat(&many(50_001, "(func)")), &["50001 functions", "50000"]);
    assert!(check(&wat(&many(1_000, "(global i32 (i32.const 0))"))).is_ok());
    refused(&wat(&many(1_001, "(global i32 (i32.const 0))")), &["1001 globals", "1000"]);
    refused(&wat("(module (memory 1) (memory 1))"), &["2 memories"]);

    let methods = |count: usize, name_bytes: usize| {
        let method = |n| format!(r#"(func (export "canister_update {n:0name_bytes$}"))"#);
        wat(&format!("(module {})", (0..count).map(method).collect::<String>()))
    };
    assert!(check(&methods(1_000, 20)).is_ok());
    refused(&methods(1_001, 4), &["1001 methods", "1000"]);
    refused(&methods(1_000, 21), &["21000 bytes", "20000"]);
}

#[test]
fn instructions_that_change_tables_are_refused_by_name() {
    for (name, operands) in [
        ("table.grow", "ref.null func i32.const 0 table.grow drop"),
        ("table.set", "i32.const 0 ref.null func table.set 0"),
        ("table.fill", "i32.const 0 ref.null func i32.const 0 table.fill 0"),
        ("table.copy", "i32.const 0 i32.const 0 i32.const 0 table.copy"),
        ("table.init", "i32.const 0 i32.const 0 i32.const 0 table.init 0"),
    ] {
        let text = format!("(module (table 1 funcref) (elem func) (func {operands}))");
        refused(&wat(&text), &[name]);
    }
}

#[test]
fn exports_that_begin_with_canister_must_be_entry_points() {
    for export in ["canister_updates x", "canister_update", "canister_update_x", "canister_start"] {
        refused(&wat(&format!(r#"(module (func (export "{export}")))"#)), &[export]);
    }
    for export in ENTRY_POINTS {
        let text = format!(r#"(module (func (export "canister_{export}")))"#);
        assert!(check(&wat(&text)).is_ok(), "{export}");
    }
    // An empty method name is allowed.
    assert!(check(&wat(r#"(module (func (export "canister_query ")))"#)).is_ok());
}

#[test]
fn entry_points_have_neither_parameters_nor_results() {
    for export in ["canister_init", "canister_update m", "canister_heartbeat"] {
        for of in ["(param i32)", "(result i64) (i64.const 1)"] {
            let text = format!(r#"(module (func (export "{export}") {of}))"#);
            refused(&wat(&text), &[&format!("'{export}'"), "neither parameters nor results"]);
        }
        // The rule also holds for an exported import.
        let text = format!(
            r#"(module (import "ic0" "debug_print" (func $f (param i32 i32)))
              (export "{export}" (func $f)))"#
        );
        refused(&wat(&text), &[&format!("'{export}'")]);
    }
    assert!(check(&wat(r#"(module (func (export "helper") (param i32)))"#)).is_ok());
}

#[test]
fn a_method_has_one_kind() {
    for (one, other) in [("update", "query"), ("query", "composite_query")] {
        let text =
            format!(r#"(module (func (export "canister_{one} m") (export "canister_{other} m")))"#);
        refused(&wat(&text), &["'m'", "twice"]);
    }
}

#[test]
fn export_names_of_instrumentation_are_reserved() {
    let text = format!(r#"(module (memory (export "{EXPORT_MEMORY}") 1))"#);
    refused(&wat(&text), &[EXPORT_MEMORY, "reserved"]);
    for name in [
        "canister counter_instructions",
        "canister counter_dirty_pages",
        "canister counter_accessed_pages",
        "canister_start",
        "stable_memory",
        "stable_memory_bytemap",
    ] {
        for of in ["(func", "(global", "(memory"] {
            let end = match of {
                "(global" => "i32 (i32.const 0))",
                "(memory" => "1)",
                _ => ")",
            };
            let text = format!(r#"(module {of} (export "{name}") {end})"#);
            refused(&wat(&text), &[&format!("'{name}'"), "reserved"]);
        }
    }
    refused(&wat(r#"(module (tag $t) (export "t" (tag $t)))"#), &["'t'"]);
}

#[test]
fn globals_hold_numbers() {
    refused(
        &wat("(module (global i32 (i32.const 0)) (global funcref (ref.null func)))"),
        &["global 1 holds a reference"],
    );
    assert!(check(&wat("(module (global v128 (v128.const i64x2 0 0)))")).is_ok());
}

#[test]
fn data_segments_have_constant_offsets_within_the_memory() {
    let module = |data: &str| wat(&format!("(module (memory 1 2) (func) {data})"));
    assert!(check(&module(r#"(data (i32.const 65532) "abcd")"#)).is_ok());
    refused(
        &module(r#"(data "x") (data (i32.const 65533) "abcd")"#),
        &["data segment 1", "4 bytes from 65533", "65536 bytes"],
    );
    refused(&module(r#"(data (i32.const -1) "a")"#), &["data segment 0", "4294967295"]);
    let text = r#"(module (global i32 (i32.const 1)) (memory 1) (data (global.get 0) "a"))"#;
    refused(&wat(text), &["data segment 0", "not a constant"]);
    assert!(check(&wat(r#"(module (memory i64 1) (data (i64.const 9) "a"))"#)).is_ok());
}

#[test]
fn later_data_segments_overwrite_earlier_ones() {
    let text = r#"(module (memory 1)
        (data (i32.const 4090) "0123456789abcdef") (data "passive") (data (i32.const 4095) "XY"))"#;
    let image = check(&wat(text)).expect("the module is valid").image;
    assert_eq!(image.get(0)[4090..], *b"01234X");
    assert_eq!(image.get(1)[..10], *b"Y789abcdef");
}

#[test]
fn the_initial_memory_has_a_limit() {
    refused(&wat("(module (memory i64 98305))"), &["6442516480 bytes", "6442450944"]);
    assert!(check(&wat("(module (memory i64 98304))")).is_ok());
    assert!(check(&wat("(module (memory 65536))")).is_ok());
}

#[test]
fn the_complexity_of_a_function_has_a_limit() {
    // A call counts 50, and `end` 1.
    let calls = |count: usize| wat(&format!("(module (func) (func {}))", "call 0 ".repeat(count)));
    assert!(check(&calls(19_999)).is_ok());
    refused(&calls(20_000), &["function 1", "complexity of 1000001", "1000000"]);
}

#[test]
fn code_cannot_access_what_instrumentation_adds() {
    for text in [
        // The second memory, and the functions that replace bulk operations.
        "(module (memory 1) (func (drop (i32.load 1 (i32.const 0)))))",
        "(module (func (global.set 0 (i64.const 9))))",
        "(module (memory 1) (func (call 1 (i32.const 0) (i32.const 0) (i32.const 0))))",
        "(module (memory 1) (func (memory.copy 1 0 (i32.const 0) (i32.const 0) (i32.const 0))))",
    ] {
        refused(&wat(text), &["not a Wasm module"]);
    }
}

#[test]
fn metadata_sections_have_a_visibility_a_unique_name_and_limits() {
    let module = |sections: &str| wat(&format!("(module {sections})"));
    let numbered = |count: usize| {
        let section = |n| format!(r#"(@custom "icp:public {n}" "x")"#);
        module(&(0..count).map(section).collect::<String>())
    };
    for name in ["icp:publik x", "icp:public", "icp:", "icp:publicx y"] {
        refused(&module(&format!(r#"(@custom "{name}" "")"#)), &[&format!("'{name}'")]);
    }
    let twice = r#"(@custom "icp:public x" "") (@custom "icp:private x" "")"#;
    refused(&module(twice), &["two metadata sections", "'x'"]);
    assert!(check(&numbered(16)).is_ok());
    refused(&numbered(17), &["16"]);
    let sized =
        |bytes: usize| module(&format!(r#"(@custom "icp:public x" "{}")"#, "x".repeat(bytes)));
    // The name counts as well; it has one byte.
    assert!(check(&sized((1 << 20) - 1)).is_ok());
    refused(&sized(1 << 20), &["1048576 bytes"]);
}

#[test]
fn the_counter_stays_in_the_memory_if_the_host_is_called_otherwise_than_by_call() {
    let stays = |more: &str| {
        let text = format!(
            r#"(module (import "ic0" "msg_reply" (func $reply)) (table 1 funcref)
                (func $f (call $reply)) {more})"#
        );
        let (bytes, _) = prepare(&wat(&text), &[0; 32], None).expect("the module is valid");
        let module = wasmtime::Module::new(crate::wasm::engine(), bytes).expect("it is valid");
        module.get_export(EXPORT_COUNTER).is_none()
    };
    for more in [
        "",
        "(elem (i32.const 0) func $f)",
        "(elem declare func $f) (func (drop (ref.func $f)))",
        r#"(export "canister_update f" (func $f))"#,
        "(start $f)",
        "(func (return_call $f))",
    ] {
        assert!(!stays(more), "{more}");
        let host = more.replace("$f", "$reply");
        assert_eq!(stays(&host), !more.is_empty(), "{host}");
    }
    assert!(stays("(elem (i32.const 0) funcref (ref.func $reply))"));
    assert!(!stays("(elem (i32.const 0) funcref (ref.func $f))"));
}
