//! What the tests of this workspace share.
//!
//! - [`servers`]: the servers on which a test runs, and the networks it creates there;
//! - [`documents`]: the commands and outputs in README and `docs`;
//! - [`users`]: the users that the tests act for;
//! - [`encoding`]: Candid of one value;
//! - [`scripted`]: a canister that runs scripts, and a network with two of these canisters;
//! - [`status`]: the status of canisters, also on older servers;
//! - [`patience`]: waiting, and measurements of time, on machines of any speed;
//! - [`browser`]: a browser that opens pages;
//! - [`http`]: HTTP requests that no well-behaved client would send;
//! - [`counter()`]: a canister that counts;
//! - [`generator`]: random Wasm modules;
//! - [`canisters`]: canisters of other people, and canisters written as other people write theirs.
//!
//! A canister that is built here is a [`PathBuf`]. A canister that has to be fetched is an [`Option`]. Where it cannot
//! be fetched, a line on standard error says what is not tested and why, and the test ends without a failure. With
//! `REQUIRE_PACKAGES` in the environment, the test fails instead.

pub mod browser;
pub mod canisters;
mod counter;
pub mod documents;
pub mod encoding;
pub mod generator;
mod golden;
pub mod http;
pub mod packages;
mod panics;
pub mod patience;
pub mod scripted;
pub mod servers;
pub mod status;
pub mod users;

pub use canisters::{
    Canister, MotokoCompiler, Program, motoko, motoko_reference_pair, python_client, rust_canister,
    rust_interface,
};
pub use counter::{counter, counter_interface};
pub use encoding::{decode, encode, no_result, nothing};
pub use generator::generated_modules;
pub use golden::assert_golden;
pub use packages::or_say_why;
pub use panics::panic_message;
pub use scripted::{ScriptedNetwork, in_block_order, script};
pub use servers::{Server, on_every_server, pocket_ic_binary};
pub use status::StatusOf;
pub use users::{controller, stranger};

use std::env;
use std::path::{Path, PathBuf};

use pocket_ic::RejectResponse;

/// The result of an update call or a query: the reply's bytes, or the reject.
pub type CallResult = Result<Vec<u8>, RejectResponse>;

/// The cycles of a canister that is created without an amount.
pub const DEFAULT_CYCLES: u128 = 100_000_000_000_000;

/// The root of the checkout.
fn checkout() -> &'static Path {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR"));
    folders.ancestors().nth(2).expect("this package is two folders below the checkout")
}

/// Cargo's target folder.
fn target() -> PathBuf {
    let variable = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    // Cargo resolves a relative path from the folder in which it was started: most likely the root.
    checkout().join(variable.unwrap_or_else(|| "target".into()))
}

/// Whether an environment variable is set to something. An empty variable counts as not set.
fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Compiles the code in the documents that stand outside of the packages of crates.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/replica.md")]
#[doc = include_str!("../../../docs/trace.md")]
#[doc = include_str!("../../../TROUBLESHOOTING.md")]
struct Documents;
