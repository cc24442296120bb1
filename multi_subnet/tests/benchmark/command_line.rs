//! Arguments and environment variables, right and wrong; nothing here runs a canister.

use std::fs;

use tempfile::TempDir;

use crate::binary::{run, run_with};

#[test]
fn help_goes_to_standard_output_and_names_every_option_and_variable() {
    let help = run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for word in [
        "--calls",
        "--same-subnet",
        "--caller-cycles",
        "--profile",
        "--server",
        "--json",
        "--csv",
        "--markdown",
        "--sweep",
        "--both-placements",
        "--trace",
        "--trace-format",
        "--report",
        "--svg",
        "--name",
        "--save",
        "--baseline",
        "--tolerance",
        "--persist",
        "--with-host-times",
        "mainnet",
        "embedded",
        "CALLER_WASM",
        "CALLEE_WASM",
        "POCKET_IC_BIN",
        "Exit codes",
        "Examples",
        "rounds",
    ] {
        assert!(help.stdout.contains(word), "{word}");
    }
}

#[test]
fn wrong_arguments_end_with_code_2_and_a_message() {
    for (args, expected) in [
        (&["--calls", "many"][..], "whole number"),
        (&["--calls", "-1"], "whole number"),
        (&["--calls"], "--calls"),
        (&["--caller-cycles", "1e12"], "whole number"),
        (&["--profile", "testnet"], "mainnet"),
        (&["--server", "ftp://localhost"], "http://"),
        (&["--server", "http://"], "not a URL"),
        (&["--frobnicate"], "--frobnicate"),
        (&["--sweep", "1,two"], "`two`: give a whole number"),
        (&["--sweep", "0"], "too small"),
        (&["--sweep", "--calls", "7"], "--calls"),
        (&["--both-placements"], "--sweep"),
        (&["--caller-cycles", "1,2"], "--sweep"),
        (&["--csv", "--json"], "--json"),
        (&["--profile", "mainnet", "--server", "pocket-ic"], "--server embedded"),
    ] {
        let failed = run(args);
        let message = failed.error(2);
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}

#[test]
fn a_server_that_is_no_pocketic_binary_ends_with_code_2() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a program").expect("a file");
    let absent = folder.path().join("absent");
    for path in [&text, &absent, &folder.path().to_path_buf()] {
        let path = path.to_str().expect("a temporary folder has a plain name");
        assert!(run(&["--server", path]).error(2).contains("PocketIC server"));
        assert!(run_with(&[], &[("POCKET_IC_BIN", path)]).error(2).contains("PocketIC server"));
    }
}

#[cfg(unix)]
#[test]
fn a_server_of_another_version_is_refused_by_its_version() {
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/old-pocket-ic");
    assert!(run(&["--server", old]).error(2).contains("version 10.0.0"));
}

#[test]
fn modules_that_cannot_be_used_end_with_code_2_and_the_variable() {
    let folder = TempDir::new().expect("a temporary folder");
    let absent = folder.path().join("absent.wasm");
    let absent = absent.to_str().expect("a plain name");
    for variable in ["CALLER_WASM", "CALLEE_WASM"] {
        let failed = run_with(&[], &[(variable, absent)]);
        let message = failed.error(2);
        assert!(message.contains(variable) && message.contains("absent.wasm"), "{message}");
    }
}
