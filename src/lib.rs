//! Fan out calls of a canister: one after the other, all at once, or as many at a time as there is room for.
//!
//! Calls to other canisters of the Internet Computer take time, so independent ones should go out together. But only
//! so many can be open: 500 from one canister to another, and each only while about 42 billion cycles can be set aside
//! for it. What exceeds that fails at once. This crate makes the calls that fit, sends the next as answers come in,
//! and tells for each call whether it was done, surely was not, or may have been, and why.
//!
//! | you have | take |
//! |---|---|
//! | calls that depend on each other | [`sequential`] |
//! | a few independent calls | [`parallel`] |
//! | any number of them, or several callees | [`windowed`], or [`fan_out`] for the outcomes in order |
//! | different questions to different canisters | [`Leg`] |
//! | more than one message can see through | [`Job`] |
//!
//! How wide a window can be is for [`Plan`] to say, before the first call is sent.
//!
//! The calls go through a [`Transport`]: in a canister `canister::Canister` (feature `ic-cdk`, on by default), in
//! tests anything.

mod collect;
mod job;
mod line;
mod outcome;
mod plan;
mod request;
mod retry;
mod strategies;
mod transport;
mod window;

#[cfg(feature = "ic-cdk")]
pub mod canister;
#[cfg(test)]
mod script;

pub use collect::{Leg, Part, answered};
pub use job::Job;
pub use outcome::{Kind, Outcome, Reason, Summary, reject_code};
pub use plan::{GUARANTEED_CALLBACKS, Limits, Plan, QUEUE_SLOTS, Refusal, Wall, Window};
pub use request::{BOUNDED_WAIT_MAX, Request, Wait};
pub use retry::Retry;
pub use strategies::{parallel, sequential};
pub use transport::{Transport, call};
pub use window::{fan_out, windowed};
