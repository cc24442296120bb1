//! The canisters of this workspace as their users meet them: the built modules, on two subnets and on one, driven
//! by the `pocket-ic` crate.

mod callee_setup;
mod cycles;
mod failures;
mod fan_out;
mod lifecycle;
mod module;
mod pair;
mod servers;
