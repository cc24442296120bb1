//! Canisters in Rust, with the crates and the settings an author has who does not think about them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::{checkout, target};

/// The packages in `tests/canisters` and `examples`, and the pair of this workspace, whose modules differ in this
/// profile.
const PACKAGES: [&str; 16] = [
    "alarms",
    "benchmarks",
    "callee",
    "caller",
    "factory",
    "guestbook",
    "moody_callee",
    "patient_caller",
    "payout",
    "plain_callee",
    "plain_caller",
    "portfolio",
    "swap",
    "weather",
    "website",
    "workloads",
];

/// The profile of cargo that is what cargo does when nobody chooses.
const PROFILE: &str = "plain";

/// Where they are, once they are built. Cargo itself knows whether they are up to date.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = target();
    let built = Command::new(checkout().join("scripts/build-canisters"))
        .arg(PROFILE)
        .args(PACKAGES)
        .env("CARGO_TARGET_DIR", &target)
        .stdin(Stdio::null())
        .status()
        .expect("the script runs");
    assert!(built.success(), "the canisters in tests/canisters and examples do not build: {built}");
    target.join("wasm32-unknown-unknown").join(PROFILE)
});

/// The interface of one of them, which is committed beside it.
pub fn rust_interface(package: &str) -> PathBuf {
    let file = |folder| checkout().join(folder).join(package).join(package).with_extension("did");
    let files = ["tests/canisters", "examples", ""].map(file);
    let found = files.iter().find(|file| file.exists());
    found.unwrap_or_else(|| panic!("there is none of {files:?}")).clone()
}

/// The module of one of the packages.
pub fn rust_canister(package: &str) -> PathBuf {
    assert!(PACKAGES.contains(&package), "`{package}` is none of {PACKAGES:?}");
    BUILT.join(package).with_extension("wasm")
}
