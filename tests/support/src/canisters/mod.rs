//! Canisters that have nothing to do with the pair of this workspace: other people wrote them, or they are written as
//! other people write theirs.

pub mod ledger;
mod motoko;
mod program;
mod python_client;
mod rust;

pub use motoko::{MotokoCompiler, motoko, motoko_reference_pair};
pub use program::{Canister, Program, TextResult, number};
pub use python_client::python_client;
pub use rust::{rust_canister, rust_interface};
