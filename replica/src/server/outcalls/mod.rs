//! The HTTP client that makes the requests of HTTP outcalls.

mod client;
mod destinations;
mod text;

pub(super) use client::{OUTCALL_HEADER, OutcallClient};
pub use destinations::OutcallDestinations;
