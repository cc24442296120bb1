//! The HTTP interface for agents, used by the published agents.

#![allow(missing_docs, clippy::unwrap_used)]

mod addressing;
mod authentication;
mod bad_input;
mod calls;
mod canister_page_errors;
mod canister_pages;
mod certificates;
mod creation;
mod delegations;
mod dfx;
#[cfg(unix)]
mod drill;
mod gateways;
mod hostile_pages;
mod identities;
mod live;
mod load;
mod management;
mod network;
mod page;
#[cfg(target_os = "linux")]
mod page_load;
#[cfg(target_os = "linux")]
mod pages_unread;
mod program;
mod raw;
mod saved;
mod tampering;
#[cfg(target_os = "linux")]
mod terminal;
