//! The server around the replica: what PocketIC does not have, and invalid input.

#![allow(missing_docs, clippy::unwrap_used)]

mod bad_input;
mod binary;
mod http;
#[cfg(target_os = "linux")]
mod idle;
mod instances;
mod keywords;
mod live;
mod long_executions;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod module_cache;
mod network_pages;
mod pages;
mod process;
mod signatures;
mod snapshots;
mod state_dirs;
#[cfg(target_os = "linux")]
mod tls;
