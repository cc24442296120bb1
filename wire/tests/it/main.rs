//! This codec against the one of the `candid` crate.

#![allow(missing_docs, reason = "tests")]

mod agreement;
mod evolution;
mod foreign;
mod hostile;
mod round_trip;
mod types;
