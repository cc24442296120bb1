//! Canisters for the tests that have nothing to do with the pair of this workspace: some that others wrote, some
//! written as others write theirs.
//!
//! What can be had everywhere is a [`PathBuf`]. What has to be fetched is an [`Option`]: without a network, or
//! without the tools for it, a line says what is not tested and why, and the tests have nothing to do; unless
//! `REQUIRE_PACKAGES` is set, which makes that a failure.

mod motoko;
mod python_client;
mod rust;
mod script;

pub use motoko::{MotokoCompiler, motoko};
pub use python_client::{Ledger, ledger, python_client};
pub use rust::{rust_canister, rust_interface};
pub use script::or_say_why;

use std::env;
use std::path::{Path, PathBuf};

fn checkout() -> &'static Path {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR"));
    folders.ancestors().nth(2).expect("this package is two folders below the checkout")
}

/// Cargo's target folder.
fn target() -> PathBuf {
    let variable = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    // A relative path is cargo's to resolve, from wherever it was started: most likely the root.
    checkout().join(variable.unwrap_or_else(|| "target".into()))
}
