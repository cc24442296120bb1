//! A canister that runs scripts, and networks with two of these canisters.
//!
//! A test writes a [`Script`](script::Script) and sends the script to the canister as the argument of a call. So each
//! test says in one place what its canisters do.

#[allow(missing_docs, reason = "steps have the names of the functions in `canister.wat`")]
mod call;
mod network;
#[allow(missing_docs, reason = "steps have the names of the functions in `canister.wat`")]
pub mod script;

pub use network::{ScriptedNetwork, in_block_order, install, install_module};
