//! The server around the replica: what only it does, and what bad input from outside gets.

#![allow(missing_docs, clippy::unwrap_used)]

mod bad_input;
mod binary;
mod http;
#[cfg(target_os = "linux")]
mod idle;
mod instances;
mod live;
#[cfg(target_os = "linux")]
mod memory;
mod pages;
mod signatures;
