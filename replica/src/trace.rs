//! A trace of events about messages and cycles.
//!
//! The replica only records events; its behaviour does not depend on a listener. If nobody listens, no event is
//! made. To listen, use [`EmbeddedServer::listen`](crate::server::EmbeddedServer::listen) or
//! [`Instance::listen`](crate::instance::Instance::listen). A [`Recording`] says what the events mean: which calls
//! were open, which failed and why. [`json_lines`] and [`perfetto`] write a recording to a file.
//!
//! Beside the listener, an instance may have a watcher, for a display while the network runs
//! ([`Instance::watch`](crate::instance::Instance::watch)): see [`Notice`].

mod builder;
mod clock;
pub mod json_lines;

mod names;
pub mod perfetto;
mod recording;
mod sinks;
mod summary;
mod watch;
pub mod watched;

pub use clock::Moment;
pub use names::Names;
pub use recording::{Call, Execution, Load, Outcome, Recording, Refused, Round, Slice};
use sinks::Sinks;
pub use summary::Summary;
pub use watch::Notice;

use crate::error::{ErrorCode, RejectCode};
use crate::types::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// Records events for a listener and for a watcher, if they exist. Clones record for the same ones, in the order
/// in which they record.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// `None` if there is neither a listener nor a watcher.
    sinks: Option<Arc<Sinks>>,
}

impl Trace {
    /// Creates a trace and the receiver of its events.
    pub fn with_listener() -> (Self, Receiver<Event>) {
        let mut trace = Self::default();
        let events = trace.listen();
        (trace, events)
    }

    /// The receiver of all events from now on, in place of an earlier one.
    pub(crate) fn listen(&mut self) -> Receiver<Event> {
        let (sender, receiver) = channel();
        let watcher = self.sinks.as_ref().and_then(|sinks| sinks.watcher.clone());
        *self = Self::to(Some(sender), watcher);
        receiver
    }

    /// Records an event. `event` is called only if there is a listener or a watcher.
    pub(crate) fn record(&self, event: impl FnOnce() -> Event) {
        let Some(sinks) = &self.sinks else { return };
        let event = event();
        if sinks.watcher.is_some() {
            sinks.notify(Notice::Event(event.clone()));
        }
        if sinks.listener.is_some() {
            sinks.record(event);
        }
    }

    /// Records an event that is known only after a wait. `event` is called only if there is a listener: a watcher
    /// must not make the network slower.
    pub(crate) fn record_after_wait(&self, event: impl FnOnce() -> Event) {
        if let Some(sinks) = self.sinks.as_ref().filter(|sinks| sinks.listener.is_some()) {
            sinks.record(event());
        }
    }
}

/// Identifies a call between canisters. The id stays unique, because a caller never uses a callback id
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId {
    /// The calling canister.
    pub caller: CanisterId,
    /// The id of the callback that waits for the response.
    pub callback: CallbackId,
}

/// The kind of message or task that a canister executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// An ingress message.
    Ingress(MessageId),
    /// A request from another canister.
    Request(CallId),
    /// The response to a call of the canister itself.
    Response {
        /// The call.
        call: CallId,
        /// The reject code. `None` for a reply.
        reject: Option<RejectCode>,
        /// Attached cycles that the response refunded.
        refund: Cycles,
        /// The unused part of the cycles that were withheld for the call, which was refunded.
        unspent: Cycles,
    },
    /// A global timer, a heartbeat, or the hook `canister_on_low_wasm_memory`.
    Task,
}

/// The message of a call that was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// A request after its deadline.
    Request,
    /// A response after its deadline.
    Response,
    /// A response that arrived after another response to the same call.
    Late,
}

/// The origin of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responder {
    /// The callee, or the replica on behalf of the callee.
    Callee,
    /// The replica, because the request could not be delivered.
    Routing,
    /// The replica, because the deadline expired. The callee may still respond.
    Deadline,
}

/// The limit because of which the system refused a call at once: `ic0.call_perform` returned an error, and there is
/// no call.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// No slot is free in the queue to the callee ([`QUEUE_CAPACITY`](crate::limits::QUEUE_CAPACITY)).
    QueueFull,
    /// The canister has no free callback
    /// ([`SUBNET_CALLBACKS_SOFT_MAX`](crate::limits::SUBNET_CALLBACKS_SOFT_MAX)).
    Callbacks,
    /// The subnet has no memory for another message
    /// ([`GUARANTEED_MESSAGE_MEMORY_MAX`](crate::limits::GUARANTEED_MESSAGE_MEMORY_MAX)).
    MessageMemory,
    /// The canister cannot set aside the cycles for the call.
    Cycles,
}

/// The reason for a charge that is not for an execution or a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fee {
    /// The induction of an ingress message.
    Ingress(MessageId),
    /// The installation of code.
    Installation,
    /// The instructions of another management call.
    Management,
    /// The creation of a canister. The attached cycles of the caller pay for it.
    Creation,
    /// Memory and compute allocation.
    Resources,
    /// The rest of the balance of a canister that cannot pay for memory and compute allocation.
    Uninstall,
    /// An HTTP outcall. The attached cycles of the caller pay for it. The cycles that the nodes do not
    /// spend are credited later.
    Outcall,
}

/// An event that concerns a message or cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A subnet began a round. All events until the next `Round` happened on this subnet.
    Round {
        /// The subnet.
        subnet: SubnetId,
        /// The time of the round.
        time: Time,
    },
    /// A canister got cycles that were minted or deposited.
    Credited {
        /// The canister.
        canister: CanisterId,
        /// The number of cycles.
        cycles: Cycles,
    },
    /// A canister paid a fee.
    Charged {
        /// The canister.
        canister: CanisterId,
        /// The reason.
        fee: Fee,
        /// The number of cycles.
        cycles: Cycles,
    },
    /// A canister executed a message, or refused to execute it. The `Sent` events of its calls come
    /// directly before this event.
    Executed {
        /// The canister. For the management canister: the subnet.
        canister: Callee,
        /// The message or task.
        work: Work,
        /// The call context of the execution. `None` if the message was refused.
        call_context_id: Option<CallContextId>,
        /// The error, if the execution failed.
        result: Result<(), ErrorCode>,
        /// Instructions used.
        instructions: Instructions,
        /// The cost of the execution. The cost of a response was withheld when the call was made.
        fee: Cycles,
        /// Attached cycles that the canister accepted.
        accepted: Cycles,
        /// Cycles that the canister burned.
        burned: Cycles,
    },
    /// A canister executed a slice of an execution that continues in a later round.
    Slice {
        /// The canister.
        canister: CanisterId,
        /// The number of the slice. It starts again if the execution was aborted.
        number: u64,
        /// The number of slices of the execution.
        of: u64,
    },
    /// A canister made a call.
    Sent {
        /// The call.
        call: CallId,
        /// The called canister.
        callee: Callee,
        /// The called method.
        method: String,
        /// The call context that made the call.
        call_context_id: CallContextId,
        /// Attached cycles.
        cycles: Cycles,
        /// Cycles withheld for the call, its response and its callback.
        withheld: Cycles,
        /// The deadline of the call. `None` for an unbounded-wait call.
        deadline: Option<Time>,
    },
    /// The system refused calls that a canister wanted to make. The event comes directly before the `Executed` event
    /// of the execution, as `Sent` events do.
    Refused {
        /// The canister that wanted to make the calls.
        caller: CanisterId,
        /// The canister that it wanted to call.
        callee: Callee,
        /// The call context of the execution.
        call_context_id: CallContextId,
        /// The limit that was reached.
        limit: Refusal,
        /// The number of calls.
        calls: u64,
    },
    /// A request was inducted: put into the input queue of its receiver.
    Inducted {
        /// The call.
        call: CallId,
    },
    /// A response to a call was created.
    Responded {
        /// The call.
        call: CallId,
        /// The origin of the response.
        by: Responder,
        /// The reject code. `None` for a reply.
        reject: Option<RejectCode>,
        /// Attached cycles that the response refunds.
        refund: Cycles,
    },
    /// A response was inducted: put into the input queue of the caller.
    Returned {
        /// The call.
        call: CallId,
    },
    /// A message was dropped.
    Dropped {
        /// The call.
        call: CallId,
        /// The message of the call that was dropped.
        what: Drop,
        /// Cycles of the dropped message.
        cycles: Cycles,
        /// Whether the caller got the cycles at once. This is true only for a late response with a caller
        /// that still exists. If the caller of a late response does not exist, the cycles are lost. The
        /// cycles of other dropped messages follow in a refund message.
        credited: bool,
    },
    /// A refund message with the cycles of a dropped request or response reached the subnet of the
    /// caller.
    Refunded {
        /// The caller.
        canister: CanisterId,
        /// The number of cycles.
        cycles: Cycles,
        /// Whether the caller still exists. Otherwise the cycles are lost.
        arrived: bool,
    },
    /// The code of a canister was uninstalled, and its call contexts were deleted.
    Uninstalled {
        /// The canister.
        canister: CanisterId,
    },
    /// A canister was deleted, with its cycles.
    Deleted {
        /// The canister.
        canister: CanisterId,
        /// The cycles balance of the canister.
        cycles: Cycles,
    },
}
