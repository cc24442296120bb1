//! Canisters that are not of this workspace: where they come from, and the benchmark run with them.

use std::{
    fs,
    io::{Write, stderr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::measured::{Measured, measure_with};

/// A caller and a callee for the benchmark.
#[derive(Clone, Debug)]
pub struct ForeignPair {
    pub caller: PathBuf,
    pub callee: PathBuf,
}

impl ForeignPair {
    /// What the sequential and the parallel strategy of this pair do.
    pub fn measure(&self, server: &str, args: &[&str]) -> [Measured; 2] {
        let [caller, callee] = [&self.caller, &self.callee]
            .map(|path| path.to_str().expect("a checkout has a plain name"));
        measure_with(server, args, &[("CALLER_WASM", caller), ("CALLEE_WASM", callee)])
    }
}

/// The stand-ins for the canisters of the official sample. Cargo itself knows whether they are up to date.
pub fn sample_pair() -> ForeignPair {
    static BUILT: OnceLock<ForeignPair> = OnceLock::new();
    BUILT.get_or_init(build_sample_pair).clone()
}

fn build_sample_pair() -> ForeignPair {
    const PROFILE: &str = "plain";
    let target = target();
    let built = Command::new(checkout().join("scripts/build-canisters"))
        .args([PROFILE, "sample_caller", "sample_callee"])
        .env("CARGO_TARGET_DIR", target)
        .stdin(Stdio::null())
        .status()
        .expect("the script runs");
    assert!(built.success(), "the canisters in tests/canisters do not build: {built}");
    let folder = target.join("wasm32-unknown-unknown").join(PROFILE);
    ForeignPair {
        caller: folder.join("sample_caller.wasm"),
        callee: folder.join("sample_callee.wasm"),
    }
}

/// The canisters of the Motoko sample, the caller with `nat64` and with `nat`. There are none where the compiler
/// is missing and cannot be fetched; then a line says so.
pub fn motoko_pairs() -> Option<[ForeignPair; 2]> {
    static BUILT: OnceLock<Option<[ForeignPair; 2]>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let pairs = build_motoko_pairs();
            if let Err(reason) = &pairs {
                // Not `println!`, which the harness keeps to itself. Nobody may be reading, which is no failure.
                let _ = writeln!(stderr(), "Motoko is not tested: {reason}");
            }
            pairs.ok()
        })
        .clone()
}

/// `scripts/build-motoko.mjs` ends with it when the compiler cannot be had.
const UNAVAILABLE: i32 = 69;

/// The major version of Node.js from which on the compiler and our script run.
const NODE_MIN: u32 = 18;

fn build_motoko_pairs() -> Result<[ForeignPair; 2], String> {
    check_node()?;
    let folder = target().join("motoko");
    let sources = checkout().join("tests/canisters/motoko");
    let [caller, callee] = ["caller.mo", "callee.mo"].map(|name| sources.join(name));
    let caller_with_nat = folder.join("caller_with_nat.mo");
    write_if_different(&caller_with_nat, &with_nat(&read(&caller)));

    let built = Command::new("node")
        .arg(checkout().join("scripts/build-motoko.mjs"))
        .arg(&folder)
        .args([&caller, &caller_with_nat, &callee])
        .stdin(Stdio::null())
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&built.stderr);
    match built.status.code() {
        Some(0) => {}
        Some(UNAVAILABLE) => return Err(said.trim().into()),
        _ => panic!("the canisters in tests/canisters/motoko do not compile: {said}"),
    }
    let module = |name| folder.join(name);
    Ok(["caller.wasm", "caller_with_nat.wasm"]
        .map(|caller| ForeignPair { caller: module(caller), callee: module("callee.wasm") }))
}

fn check_node() -> Result<(), String> {
    let answer = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| format!("node does not run: {error}"))?;
    let version = String::from_utf8_lossy(&answer.stdout);
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next());
    if major.and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= NODE_MIN) {
        Ok(())
    } else {
        Err(format!("node is {}, it takes {NODE_MIN} or later", version.trim()))
    }
}

/// The same caller with the other type of numbers.
fn with_nat(source: &str) -> String {
    source.replace("Prim.nat64ToNat(n)", "n").replace("Nat64", "Nat")
}

/// Keeps the file's time, by which the script decides what to compile.
fn write_if_different(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders");
    fs::write(path, text).expect("a file");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

/// Cargo's target folder, of which it tells tests a part.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder")
}
