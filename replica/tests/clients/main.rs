//! PocketIC's three clients, as they are published, against the server binary: each starts it by
//! itself and runs through what test suites ordinarily do.
//!
//! The clients in other languages are installed into the target folder when they are needed first.
//! Where that is not possible, their tests say so and pass.

#![allow(missing_docs, clippy::unwrap_used)]

mod packages;
mod rust;

use packages::{Client, Script};
use std::path::{Path, PathBuf};

const BINARY: &str = env!("CARGO_BIN_EXE_embedded-replica");

/// The folder of the clients' scripts and their canister.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The canister of these tests.
fn counter() -> Vec<u8> {
    wat::parse_str(include_str!("counter.wat")).unwrap()
}

#[test]
fn the_python_client_runs_its_ordinary_flow() {
    let Some(client) = Client::python("pocket-ic==3.1.2") else { return };
    let interface = here().join("counter.did");
    client.run(Script { name: "client.py", arguments: &[&client.wasm(), &interface] });
}

#[test]
fn the_javascript_client_runs_its_ordinary_flow() {
    let Some(client) = Client::javascript("@dfinity/pic@0.23.0") else { return };
    let arguments: &[&Path] = &[&client.folder(), &client.wasm()];
    client.run(Script { name: "client.mjs", arguments });
}
