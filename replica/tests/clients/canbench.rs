//! The command line tool `canbench` with the program as its PocketIC server.
//!
//! Compiling `canbench` takes minutes. `make canbench` installs it and names it in the environment variable `CANBENCH`.
//! Without this variable, the test with the tool uses the `canbench` in `PATH`; where there is none, the test says so
//! and passes. The other tests make the requests of `canbench` without the tool.

use crate::BINARY;
use candid::{CandidType, Deserialize, Principal};
use pocket_ic::{CanisterSettings, PocketIcBuilder};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_support::{decode, encode, rust_canister};

/// The version of `canbench` that the canister's benchmarks are for.
const VERSION: &str = "0.7.0";

/// The version of the PocketIC server that this version of `canbench` starts.
const SERVER_VERSION: &str = "13.0.0";

/// The benchmarks of the canister `benchmarks`.
const BENCHMARKS: [&str; 3] = ["heap_map", "sort", "stable_map"];

/// The benchmarks of [`known_module`], with their code.
const KNOWN_BENCHMARKS: [(&str, &str); 3] = [
    (
        "add",
        "(local.tee $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (i32.const 1_000_000)))",
    ),
    ("fill", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000))"),
    ("grow", "(drop (memory.grow (i32.const 1))) (drop (call $stable_grow (i64.const 2)))"),
];

/// What [`known_module`] counts besides the code of a benchmark: 200 for the call of `performance_counter` at the end,
/// and 58 for the instructions after the benchmark. The cost of each instruction is that of DFINITY's replica
/// (`instruction_to_cost` in `rs/embedders/src/wasm_utils/instrumentation.rs`), and so is the cost of each system call
/// (`rs/embedders/src/wasmtime_embedder/system_api_complexity.rs`).
const KNOWN_OVERHEAD: u64 = 200 + 58;

/// The results of [`known_module`]: instructions, and pages that the two memories grow.
const KNOWN_RESULTS: [(u64, u64, u64); 3] = [
    // A round: six cheap instructions, and `br_if` for 2.
    (1_000_000 * (6 + 2), 0, 0),
    // Each byte counts.
    (3 + 100 + 65_536, 0, 0),
    // `memory.grow` costs 300, `stable64_grow` 100 and `call` 5.
    (1 + 300 + 1 + 1 + 5 + 100 + 1, 1, 2),
];

/// A measurement, as the crate `canbench-rs` replies it.
#[derive(CandidType, Clone, Debug, Default, Deserialize, PartialEq)]
struct Measurement {
    calls: u64,
    instructions: u64,
    heap_increase: u64,
    stable_memory_increase: u64,
}

/// The result of a benchmark, as the crate `canbench-rs` replies it.
#[derive(CandidType, Clone, Debug, Default, Deserialize, PartialEq)]
struct Benchmark {
    total: Measurement,
    scopes: BTreeMap<String, Measurement>,
}

/// A canister with benchmarks whose results follow from the rules of the network: no compiler chooses its instructions.
fn known_module() -> Vec<u8> {
    const AT: usize = 0x1_0000;
    let [instructions, heap_increase, stable_memory_increase] = [1, 2, 3].map(|n| n << 56 | n);
    let total = Measurement { calls: 1, instructions, heap_increase, stable_memory_increase };
    let reply = encode(Benchmark { total, ..Benchmark::default() });
    let place = |value: u64| {
        let mut places = reply.windows(8).zip(AT..);
        places.find(|(bytes, _)| **bytes == value.to_le_bytes()).unwrap().1
    };
    let escaped: String = reply.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let methods: String = KNOWN_BENCHMARKS
        .iter()
        .map(|(name, code)| {
            format!(
                r#"(func (export "canister_query __canbench__{name}")
                    (local $i i32) (local $instructions i64) (local $heap i64) (local $stable i64)
                    (local.set $heap (i64.extend_i32_u (memory.size)))
                    (local.set $stable (call $stable_size))
                    (local.set $instructions (call $counter (i32.const 0)))
                    (loop $again {code})
                    (local.set $instructions
                        (i64.sub (call $counter (i32.const 0)) (local.get $instructions)))
                    (i64.store (i32.const {}) (local.get $instructions))
                    (i64.store (i32.const {})
                        (i64.sub (i64.extend_i32_u (memory.size)) (local.get $heap)))
                    (i64.store (i32.const {}) (i64.sub (call $stable_size) (local.get $stable)))
                    (call $append (i32.const {AT}) (i32.const {}))
                    (call $reply))"#,
                place(instructions),
                place(heap_increase),
                place(stable_memory_increase),
                reply.len(),
            )
        })
        .collect();
    let text = format!(
        r#"(module
            (import "ic0" "msg_reply" (func $reply))
            (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
            (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
            (import "ic0" "stable64_size" (func $stable_size (result i64)))
            (import "ic0" "stable64_grow" (func $stable_grow (param i64) (result i64)))
            (memory 2)
            (data (i32.const {AT}) "{escaped}")
            {methods})"#
    );
    wat::parse_str(text).unwrap()
}

/// The results of [`known_module`] that follow from the rules of the network.
fn known_results() -> Vec<(&'static str, Benchmark)> {
    let results = KNOWN_BENCHMARKS.iter().zip(KNOWN_RESULTS);
    let result = |((name, _), (code, heap_increase, stable_memory_increase)): (&(_, _), _)| {
        let instructions = code + KNOWN_OVERHEAD;
        let total = Measurement { calls: 1, instructions, heap_increase, stable_memory_increase };
        (*name, Benchmark { total, ..Benchmark::default() })
    };
    results.map(result).collect()
}

/// Installs a module and calls its benchmarks, with the requests of `canbench`, as often as `times` says.
fn measured_directly<'a>(
    module: &[u8],
    names: &[&'a str],
    times: usize,
) -> Vec<Vec<(&'a str, Benchmark)>> {
    let pic = PocketIcBuilder::new()
        .with_server_binary(BINARY.into())
        .with_max_request_time_ms(None)
        .with_benchmarking_application_subnet()
        .build();
    let canister = pic.create_canister_with_settings(None, Some(CanisterSettings::default()));
    pic.add_cycles(canister, 1_000_000_000_000_000);
    pic.install_canister(canister, module.to_vec(), Vec::new(), None);
    let benchmark = |name: &&'a str| {
        let method = format!("__canbench__{name}");
        let reply = pic.query_call(canister, Principal::anonymous(), &method, encode(()));
        (*name, decode(&reply.unwrap()))
    };
    (0..times).map(|_| names.iter().map(benchmark).collect()).collect()
}

/// The file in which `canbench` keeps these results.
fn results_file(results: &[(&str, Benchmark)]) -> String {
    let mut text = "benches:\n".to_owned();
    let measurement = |text: &mut String, measured: &Measurement, by: &str| {
        writeln!(text, "{by}calls: {}", measured.calls).unwrap();
        writeln!(text, "{by}instructions: {}", measured.instructions).unwrap();
        writeln!(text, "{by}heap_increase: {}", measured.heap_increase).unwrap();
        writeln!(text, "{by}stable_memory_increase: {}", measured.stable_memory_increase).unwrap();
    };
    for (name, result) in results {
        write!(text, "  {name}:\n    total:\n").unwrap();
        measurement(&mut text, &result.total, "      ");
        text += if result.scopes.is_empty() { "    scopes: {}\n" } else { "    scopes:\n" };
        for (scope, measured) in &result.scopes {
            writeln!(text, "      {scope}:").unwrap();
            measurement(&mut text, measured, "        ");
        }
    }
    text + &format!("version: {VERSION}\n")
}

/// The installed `canbench`. `None`, and a line on standard error, if there is none of the right version.
///
/// # Panics
///
/// If the environment variable `CANBENCH` names a program that is not this version of `canbench`.
fn installed() -> Option<PathBuf> {
    let named = std::env::var_os("CANBENCH").map(PathBuf::from);
    let program = named.clone().unwrap_or_else(|| "canbench".into());
    let reason = match Command::new(&program).arg("--version").output() {
        Ok(output) => {
            let version = String::from_utf8_lossy(&output.stdout);
            if version.trim() == format!("canbench {VERSION}") {
                return Some(program);
            }
            format!("it is not version {VERSION} but `{}`", version.trim())
        }
        Err(error) => format!("it does not run ({error})"),
    };
    assert!(named.is_none(), "{}: {reason}", program.display());
    // The test harness would capture the output of `println!`. It is no failure if nobody reads the line.
    let line = format!("canbench is not tested: {reason}; `make canbench` installs and tests it\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    None
}

/// Runs `canbench` with a module. Returns what it prints, and the results that it keeps.
#[cfg(unix)]
fn measured_by_canbench(canbench: &Path, module: &[u8]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("benchmarks.wasm"), module).unwrap();
    fs::write(file("canbench.yml"), "wasm_path: benchmarks.wasm\n").unwrap();
    let server = file(&format!("pocket-ic-server-{SERVER_VERSION}"));
    std::os::unix::fs::symlink(BINARY, &server).unwrap();
    let output = Command::new(canbench)
        .args(["--no-runtime-integrity-check", "--persist", "--runtime-path"])
        .arg(&server)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    (printed, fs::read_to_string(file("canbench_results.yml")).unwrap())
}

#[test]
fn the_requests_of_canbench_measure_what_follows_from_the_networks_rules() {
    let names = KNOWN_BENCHMARKS.map(|(name, _)| name);
    let measured = measured_directly(&known_module(), &names, 2);
    assert_eq!(measured, [known_results(), known_results()]);
}

#[test]
fn a_benchmark_of_canbench_measures_the_same_each_time() {
    let module = fs::read(rust_canister("benchmarks")).unwrap();
    let results = measured_directly(&module, &BENCHMARKS, 2);
    assert_eq!(results[0], results[1]);
    for (name, result) in &results[0] {
        assert_eq!(result.total.calls, 1, "{name}");
        assert!(result.total.instructions > 1_000_000, "{name}: {result:?}");
    }
    let (_, stable_map) = &results[0][2];
    let scopes: Vec<_> = stable_map.scopes.keys().collect();
    assert_eq!(scopes, ["fill", "look_up"]);
    let scoped: u64 = stable_map.scopes.values().map(|scope| scope.instructions).sum();
    assert!((1..stable_map.total.instructions).contains(&scoped), "{stable_map:?}");
}

#[cfg(unix)]
#[test]
fn canbench_prints_and_keeps_what_follows_from_the_networks_rules() {
    let Some(canbench) = installed() else { return };
    let (printed, kept) = measured_by_canbench(&canbench, &known_module());
    assert_eq!(kept, results_file(&known_results()));
    for line in ["Benchmark: add (new)", "instructions: 8.00 M", "instructions: 65.90 K"] {
        assert!(printed.contains(line), "`{line}` is missing in:\n{printed}");
    }
}

#[cfg(unix)]
#[test]
fn canbench_keeps_what_the_same_requests_measure_without_the_tool() {
    let Some(canbench) = installed() else { return };
    let module = fs::read(rust_canister("benchmarks")).unwrap();
    let (_, kept) = measured_by_canbench(&canbench, &module);
    assert_eq!(kept, results_file(&measured_directly(&module, &BENCHMARKS, 1)[0]));
}
