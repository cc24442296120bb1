//! The features with which the programs and the tests of the workspace are compiled: the same, so that no crate is
//! compiled twice.

use std::collections::BTreeSet;

use crate::PUBLISHED;
use crate::packed::{cargo, checkout};

/// The crates that cargo compiles for these packages, each with its version and its features.
fn crates(arguments: &[&str]) -> BTreeSet<String> {
    let mut tree = cargo(&checkout());
    tree.args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p} [{f}]"]);
    let output = tree.args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are text");
    // A crate that was listed before is marked.
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn programs_and_tests_are_compiled_with_the_same_features() {
    let of_all_tests = crates(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(of_all_tests.len() > 300, "{} crates", of_all_tests.len());
    let compare = |what: &str, crates: BTreeSet<String>| {
        let others: Vec<&String> = crates.difference(&of_all_tests).collect();
        assert!(
            others.is_empty(),
            "{what} compiles these crates with other features than `cargo test --workspace`. The dependencies of \
             tests/support, which it does not use itself, keep them the same: {others:#?}"
        );
    };
    compare("cargo run", crates(&["--edges", "normal,build"]));
    compare("cargo test", crates(&["--edges", "normal,build,dev"]));
    for published in PUBLISHED {
        let arguments = ["--edges", "normal,build,dev", "--package", published.name];
        compare(&format!("cargo test -p {}", published.name), crates(&arguments));
    }
}

#[test]
fn the_replica_and_the_benchmark_compile_without_the_features_that_tests_turn_on() {
    // As in a package: without development dependencies, and without the other packages of the workspace.
    let arguments = ["check", "--offline", "--locked", "--package", "multi_subnet"];
    let output = cargo(&checkout()).args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
