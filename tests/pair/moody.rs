//! A callee that behaves as a test says.

use std::fs;
use std::time::Duration;

use candid::CandidType;
use pocket_ic::common::rest::RawMessageId;
use test_support::rust_canister;

use crate::answers::Way;
use crate::pair::{OPEN_CALLS_MAX, Pair, controller, decode, encode, nothing};

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

    /// Has the caller make as many calls as there are slots, to which the moody callee does not respond.
    pub fn occupy_all_slots(&self) -> RawMessageId {
        self.set_mood(Mood::Silence);
        let silent = self.submit_run(Way::Parallel, OPEN_CALLS_MAX);
        self.wait(Duration::ZERO, 3);
        silent
    }
}
