//! Canisters as their users meet them: the built modules of this workspace and of others, on one and two subnets, driven
//! by the `pocket-ic` crate.

mod access;
mod accounts;
mod answers;
mod callee_setup;
mod cycles;
mod failures;
mod fan_out;
mod foreign;
mod jobs;
mod lifecycle;
mod module;
mod pair;
mod servers;
mod windowed;
