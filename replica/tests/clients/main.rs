//! Programs of others, as they are published, against the binary: PocketIC's three clients, each of
//! which starts it by itself and runs through what test suites ordinarily do; and the command line tools
//! `icp` and `canbench`.
//!
//! The clients in other languages are installed into the target folder when they are needed first.
//! Where that is not possible, their tests say so and pass, unless `REQUIRE_PACKAGES` is set.

#![allow(missing_docs, clippy::unwrap_used)]

mod canbench;
#[cfg(unix)]
mod icp;
#[cfg(unix)]
mod icp_commands;
#[cfg(unix)]
mod links;
mod packages;
#[cfg(unix)]
mod page;
#[cfg(unix)]
mod project;
mod rust;
#[cfg(unix)]
mod walk_through;

use packages::{Client, ClientScript};
use std::path::{Path, PathBuf};

const BINARY: &str = env!("CARGO_BIN_EXE_embedded-replica");

const PYTHON_CLIENT: &str = "pocket-ic==3.1.2";

/// The folder of the clients' scripts.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

#[test]
fn the_python_client_runs_its_ordinary_flow() {
    let Some(client) = Client::python(PYTHON_CLIENT) else { return };
    let interface = test_support::counter_interface();
    let arguments: &[&Path] = &[&client.wasm(), &interface];
    client.run(ClientScript { name: "client.py", arguments, passed: 6 });
}

#[test]
fn the_python_clients_own_tests_pass() {
    let Some(client) = Client::python(PYTHON_CLIENT) else { return };
    let Some(source) = test_support::python_client() else { return };
    let files = [
        "examples/counter_canister/counter_canister_test.py",
        "examples/ledger_canister/ledger_canister_test.py",
        "tests/pocket_ic_test.py",
    ]
    .map(|file| source.join(file));
    client.run(ClientScript {
        name: "own_tests.py",
        arguments: &files.each_ref().map(PathBuf::as_path),
        passed: 24,
    });
}

#[test]
fn the_javascript_client_runs_its_ordinary_flow() {
    let Some(client) = Client::javascript("@dfinity/pic@0.23.0") else { return };
    let arguments: &[&Path] = &[&client.folder(), &client.wasm()];
    client.run(ClientScript { name: "client.mjs", arguments, passed: 8 });
}

/// The JavaScript agent.
const JAVASCRIPT_AGENT: &str = "@icp-sdk/core@6.1.0";

#[test]
fn the_javascript_agent_is_told_what_it_can_check_and_believes_nothing_else() {
    let Some(client) = Client::javascript(JAVASCRIPT_AGENT) else { return };
    let (_pic, url, counters) = rust::live_counters();
    let [one, other] = counters.map(|canister| canister.to_text());
    let arguments: &[&Path] = &[&client.folder(), url.as_ref(), one.as_ref(), other.as_ref()];
    client.run(ClientScript { name: "agent.mjs", arguments, passed: 32 });
}
