//! Canisters that have nothing to do with the pair: others wrote them, or they are written as others write theirs.
//! They stand here because what they show concerns the whole replica, not one crate.

mod alarms;
mod canister;
mod factory;
mod guestbook;
pub mod ledger;
mod ledger_archive;
mod motoko;
mod motoko_clock;
mod motoko_notes;
mod weather;
