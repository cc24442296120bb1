//! Canisters as their users meet them: the built modules of this workspace and of others, on one and two subnets, driven
//! by the `pocket-ic` crate.

mod access;
mod accounts;
mod agents;
mod answers;
mod callee_setup;
mod cycles;
mod failures;
mod fan_out;
mod faults;
mod foreign;
mod forwarder;
mod jobs;
mod lifecycle;
mod module;
mod moody;
mod pair;
mod patience;
mod portfolio;
mod raw_calls;
mod servers;
mod windowed;
mod worst_costs;
