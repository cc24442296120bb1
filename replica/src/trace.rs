//! What becomes of messages and cycles, told to whoever listens.
//!
//! The replica only writes: nothing it does depends on whether somebody listens. Tests read, and
//! check what must hold of every network without knowing how this one is built.

use crate::error::{ErrorCode, RejectCode};
use crate::types::*;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Tells what happens, if somebody listens.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Sender<Event>>);

impl Trace {
    /// A trace, and what is written to it.
    pub fn with_listener() -> (Self, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Self(Some(sender)), receiver)
    }

    /// Tells of an event, which is only made if somebody listens.
    pub(crate) fn record(&self, event: impl FnOnce() -> Event) {
        if let Some(listener) = &self.0 {
            // A listener that has gone away does not matter.
            let _ = listener.send(event());
        }
    }
}

/// Identifies a call between canisters for good: no caller uses a callback twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// Who called.
    pub caller: CanisterId,
    /// The callback that waits for the response.
    pub callback: CallbackId,
}

/// What a canister executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A message from a user.
    Ingress(MessageId),
    /// A call from a canister.
    Request(CallId),
    /// The response to a call of its own.
    Response {
        /// The call.
        call: CallId,
        /// Nothing for a reply, or the reject code.
        reject: Option<RejectCode>,
        /// Attached cycles that came back with it.
        refund: Cycles,
        /// What came back of the cycles withheld for the call.
        unspent: Cycles,
    },
    /// A timer or a heartbeat.
    Task,
}

/// What became of a message that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// A request whose caller no longer waits.
    Request,
    /// A response whose caller no longer waits.
    Response,
    /// A response that arrived after its caller had got another one.
    Late,
}

/// Who made a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responder {
    /// The callee, or the replica in its name.
    Callee,
    /// The replica, because the request could not be delivered.
    Routing,
    /// The replica, because the deadline passed; the callee may respond all the same.
    Deadline,
}

/// What cycles are spent on besides executions and calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fee {
    /// Taking in an ingress message.
    Ingress(MessageId),
    /// Installing code.
    Installation,
    /// What the management canister does beside installing code, by the instructions it takes.
    Management,
    /// Creating a canister. The caller's attached cycles pay.
    Creation,
    /// Memory and compute allocation.
    Resources,
    /// What is left to a canister that cannot pay for these.
    Uninstall,
    /// An HTTP outcall. The caller's attached cycles pay; what nodes do not spend is credited later.
    Outcall,
}

/// Something that happened to a message or to cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A subnet began a round. What follows, until the next, happened on it.
    Round {
        /// The subnet.
        subnet: SubnetId,
        /// The round's time.
        time: Time,
    },
    /// A canister got cycles from nowhere, or as a deposit.
    Credited {
        /// The canister.
        canister: CanisterId,
        /// How many.
        cycles: Cycles,
    },
    /// A canister paid a fee.
    Charged {
        /// The canister.
        canister: CanisterId,
        /// What for.
        fee: Fee,
        /// How many.
        cycles: Cycles,
    },
    /// A canister executed a message, or refused it. The calls it made come right before this.
    Executed {
        /// The canister; the subnet, for the management canister.
        canister: CanisterId,
        /// What it executed.
        work: Work,
        /// The call context on whose behalf; none for what was refused.
        call_context_id: Option<CallContextId>,
        /// How it ended.
        result: Result<(), ErrorCode>,
        /// Instructions used.
        instructions: Instructions,
        /// What the execution cost. For a response, that was withheld when the call was made.
        fee: Cycles,
        /// Attached cycles it took.
        accepted: Cycles,
        /// Cycles it burned.
        burned: Cycles,
    },
    /// A canister, in the middle of what takes several rounds, executed a slice of it, not the last.
    Slice {
        /// The canister.
        canister: CanisterId,
        /// Which one it was; the first again, if it began anew.
        number: u64,
        /// How many there are.
        of: u64,
    },
    /// A canister made a call.
    Sent {
        /// The call.
        call: CallId,
        /// Who is called.
        callee: CanisterId,
        /// The call context on whose behalf.
        call_context_id: CallContextId,
        /// Cycles attached.
        cycles: Cycles,
        /// What was withheld for the call itself.
        withheld: Cycles,
        /// When the caller stops waiting.
        deadline: Option<Time>,
    },
    /// A request got into its receiver's queue.
    Inducted {
        /// The call.
        call: CallId,
    },
    /// A response was made.
    Responded {
        /// The call.
        call: CallId,
        /// By whom.
        by: Responder,
        /// Nothing for a reply, or the reject code.
        reject: Option<RejectCode>,
        /// Attached cycles that go back.
        refund: Cycles,
    },
    /// A response got into its caller's queue.
    Returned {
        /// The call.
        call: CallId,
    },
    /// A message was dropped.
    Dropped {
        /// The call.
        call: CallId,
        /// Which message of it.
        what: Drop,
        /// Cycles it carried.
        cycles: Cycles,
        /// Whether the caller got them back with that. For other messages than late responses, a
        /// refund follows; those are lost with their caller.
        credited: bool,
    },
    /// Cycles of a request or response that was dropped reached the caller, by a message of their
    /// own.
    Refunded {
        /// The caller.
        canister: CanisterId,
        /// How many.
        cycles: Cycles,
        /// Whether it is still there; otherwise they are lost.
        arrived: bool,
    },
    /// A canister lost its code, and with it its call contexts.
    Uninstalled {
        /// The canister.
        canister: CanisterId,
    },
    /// A canister was deleted, and its cycles with it.
    Deleted {
        /// The canister.
        canister: CanisterId,
        /// What it still had.
        cycles: Cycles,
    },
}
