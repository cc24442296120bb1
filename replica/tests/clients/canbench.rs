//! The command line tool `canbench` with the program as its PocketIC server.

use crate::BINARY;
use candid::{CandidType, Deserialize, Principal};
use pocket_ic::PocketIcBuilder;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use test_support::{decode, encode, rust_canister};

/// The version of `canbench` that the canister's benchmarks are for.
const VERSION: &str = "0.7.0";

/// The version of the PocketIC server that this version of `canbench` starts.
const SERVER_VERSION: &str = "13.0.0";

/// The benchmarks of the canister `benchmarks`.
const BENCHMARKS: [&str; 3] = ["heap_map", "sort", "stable_map"];

/// A measurement, as the crate `canbench-rs` replies it.
#[derive(CandidType, Clone, Debug, Deserialize, PartialEq)]
struct Measurement {
    calls: u64,
    instructions: u64,
    heap_increase: u64,
    stable_memory_increase: u64,
}

/// The result of a benchmark, as the crate `canbench-rs` replies it.
#[derive(CandidType, Clone, Debug, Deserialize, PartialEq)]
struct Benchmark {
    total: Measurement,
    scopes: BTreeMap<String, Measurement>,
}

/// Calls each benchmark directly, as often as `times` says, and returns the results.
fn measured_directly(times: usize) -> Vec<Vec<Benchmark>> {
    let builder = PocketIcBuilder::new().with_server_binary(BINARY.into());
    let pic = builder.with_benchmarking_application_subnet().build();
    let canister = pic.create_canister();
    let module = fs::read(rust_canister("benchmarks")).unwrap();
    pic.install_canister(canister, module, Vec::new(), None);
    let benchmark = |name: &str| {
        let method = format!("__canbench__{name}");
        let reply = pic.query_call(canister, Principal::anonymous(), &method, encode(()));
        decode(&reply.unwrap())
    };
    (0..times).map(|_| BENCHMARKS.iter().map(|name| benchmark(name)).collect()).collect()
}

/// The file in which `canbench` keeps these results.
fn results_file(results: &[Benchmark]) -> String {
    let mut text = "benches:\n".to_owned();
    let mut measurement = |text: &mut String, measured: &Measurement, by: &str| {
        writeln!(text, "{by}calls: {}", measured.calls).unwrap();
        writeln!(text, "{by}instructions: {}", measured.instructions).unwrap();
        writeln!(text, "{by}heap_increase: {}", measured.heap_increase).unwrap();
        writeln!(text, "{by}stable_memory_increase: {}", measured.stable_memory_increase).unwrap();
    };
    for (name, result) in BENCHMARKS.iter().zip(results) {
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

/// Why `canbench` cannot be used. `None` if it is installed in the right version.
fn missing() -> Option<String> {
    let output = Command::new("canbench").arg("--version").output();
    let Ok(output) = output else { return Some("canbench is not installed".into()) };
    let version = String::from_utf8_lossy(&output.stdout);
    let is_right = version.trim() == format!("canbench {VERSION}");
    (!is_right).then(|| format!("canbench has another version than {VERSION}: {version}"))
}

/// Runs `canbench` in a folder, and returns the results that it keeps.
#[cfg(unix)]
fn measured_by_canbench(folder: &Path) -> String {
    let module = rust_canister("benchmarks");
    fs::write(folder.join("canbench.yml"), format!("wasm_path: {}\n", module.display())).unwrap();
    let server = folder.join(format!("pocket-ic-server-{SERVER_VERSION}"));
    std::os::unix::fs::symlink(BINARY, &server).unwrap();
    let output = Command::new("canbench")
        .args(["--no-runtime-integrity-check", "--persist", "--runtime-path"])
        .arg(&server)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(folder.join("canbench_results.yml")).unwrap()
}

#[test]
fn a_benchmark_of_canbench_measures_the_same_each_time() {
    let results = measured_directly(2);
    assert_eq!(results[0], results[1]);
    for (name, result) in BENCHMARKS.iter().zip(&results[0]) {
        assert_eq!(result.total.calls, 1, "{name}");
        assert!(result.total.instructions > 1_000_000, "{name}: {result:?}");
    }
    let stable_map = &results[0][2];
    let scopes: Vec<_> = stable_map.scopes.keys().collect();
    assert_eq!(scopes, ["fill", "look_up"]);
    let scoped: u64 = stable_map.scopes.values().map(|scope| scope.instructions).sum();
    assert!((1..stable_map.total.instructions).contains(&scoped), "{stable_map:?}");
}

#[cfg(unix)]
#[test]
fn canbench_runs_on_the_server_and_prints_what_the_canister_measures() {
    if let Some(reason) = missing() {
        // The test harness would capture the output of `println!`. It is no failure if nobody reads the line.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("canbench with this server is not tested: {reason}\n").as_bytes(),
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let by_canbench = measured_by_canbench(folder.path());
    assert_eq!(by_canbench, results_file(&measured_directly(1)[0]));
}
