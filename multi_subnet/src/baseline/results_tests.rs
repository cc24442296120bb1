use std::path::Path;

use super::*;
use crate::baseline::fixtures::results;

#[test]
fn the_file_is_as_agreed_and_is_read_back() {
    let json = results().to_json();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/results.json");
    test_support::assert_golden(&golden, &json);
    assert_eq!(Results::from_json(&json), Ok(results()));
}

#[test]
fn cycles_beyond_64_bits_are_kept() {
    let mut results = results();
    results.settings.caller_cycles = u128::MAX;
    results.strategies[0].cycles = u128::from(u64::MAX) + 1;
    assert_eq!(Results::from_json(&results.to_json()), Ok(results));
}

#[test]
fn another_version_is_refused_by_its_number() {
    let other = results().to_json().replacen("\"version\": 1", "\"version\": 2", 1);
    let error = Results::from_json(&other).expect_err("it is another version");
    assert!(error.contains("version 2") && error.contains("--save"), "{error}");
    // Even if nothing else is known about the other version.
    assert_eq!(Results::from_json("{\"version\": 2}"), Err(error));
}

#[test]
fn a_file_of_something_else_is_refused() {
    for text in ["", "{}", "[1]", "not JSON", "{\"version\": 1}", "{\"version\": \"1\"}"] {
        let error = Results::from_json(text).expect_err(text);
        assert!(error.contains("not a file of --save"), "{error}");
    }
}

#[test]
fn modules_are_named_by_their_files() {
    let files = |caller: Option<&str>| {
        let caller = caller.map(OsString::from);
        module_files(|variable| caller.clone().filter(|_| variable == CALLER_VARIABLE))
    };
    assert_eq!(files(None), ["caller.wasm", "callee.wasm"]);
    assert_eq!(files(Some("")), ["caller.wasm", "callee.wasm"]);
    assert_eq!(files(Some("/tmp/my.wasm.gz")), ["my.wasm.gz", "callee.wasm"]);
}
