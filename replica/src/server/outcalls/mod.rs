//! The HTTP client that makes the requests of HTTP outcalls.

mod client;
mod destinations;
mod text;

pub(super) use client::OutcallClient;
pub use destinations::OutcallDestinations;

/// The header of all requests that a server makes for canisters. A server refuses such requests on the routes that
/// control it: otherwise, whoever may install a canister could control the server.
pub(super) const OUTCALL_HEADER: &str = "embedded-replica-outcall";
