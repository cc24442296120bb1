//! A small canister that counts its calls. The clients of PocketIC and the agents are tested with it.

use std::path::PathBuf;

use crate::checkout;

/// The module of the counter.
pub fn counter() -> Vec<u8> {
    wat::parse_str(include_str!("counter.wat")).expect("the counter is WebAssembly text")
}

/// The file with the interface of the counter.
pub fn counter_interface() -> PathBuf {
    checkout().join("tests/support/src/counter/counter.did")
}
