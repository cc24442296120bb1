//! The pair as its users meet it: the built modules of caller and callee on one and two subnets, driven by the
//! `pocket-ic` crate.

mod access;
mod accounts;
mod agents;
mod answers;
mod callee_setup;
mod cycles;
mod failures;
mod fan_out;
mod faults;
mod forwarder;
mod jobs;
mod lifecycle;
mod module;
mod moody;
mod outbox;
mod outbox_drill;
mod pair;
mod patience;
mod pauses;
mod portfolio;
mod raw_calls;
mod replies;
mod sharing;
mod traps;
mod windowed;
mod worst_costs;
