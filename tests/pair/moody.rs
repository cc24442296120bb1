//! A callee that behaves as a test says.

use std::fs;

use candid::CandidType;
use test_support::rust_canister;

use crate::pair::{Pair, controller, decode, encode, nothing};

/// What happens to a call.
#[derive(CandidType, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Answer,
    Trap,
    Reject,
    Garbage,
    TwoMegabytes,
    /// No response until the mood changes.
    Silence,
}

impl Pair {
    /// Installs a callee that does as it is told in the callee's place.
    pub fn moody_callee(&self) {
        let module = fs::read(rust_canister("moody_callee")).expect("the canister was built");
        self.pic
            .reinstall_canister(self.callee, module, nothing(), Some(controller()))
            .expect("the controller may do that");
    }

    /// Sets what the callee does, also with the calls that have no response yet.
    pub fn set_mood(&self, mood: Mood) {
        self.pic
            .update_call(self.callee, controller(), "set_mood", encode(mood))
            .expect("the callee accepts the mood");
    }

    /// How many calls have reached it.
    pub fn calls_that_arrived(&self) -> u64 {
        let reply = self.pic.query_call(self.callee, controller(), "calls", nothing());
        decode(&reply.expect("the callee counts its calls"))
    }
}
