//! The HTTP interface for agents, asked by the agents that are published.

#![allow(missing_docs, clippy::unwrap_used)]

mod calls;
mod gateways;
mod identities;
mod world;
