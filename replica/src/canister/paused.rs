//! Paused executions: executions that take several rounds (deterministic time slicing, DTS).
//!
//! The replica executes all slices at once, or all after the first one [later](crate::canister::deferred),
//! and stores the changes. The changes take effect in the round in which the network would execute the last
//! slice. Until then, the canister keeps its previous state and executes nothing else.
//!
//! Rules: `PausedExecution` in `execution_environment/src/execution/{call_or_task,response}.rs` and
//! `install_code.rs` in the replica's repository.

use crate::canister::deferred::Deferred;
use crate::canister::installation::InstallExecution;
use crate::canister::management_call::ExecutedManagementCall;
use crate::canister::received_call::ReceivedCall;
use crate::canister::sandbox::{ExecutionOutput, MemoryChanges};
use crate::canister::slices::Slices;
use crate::error::{RejectCode, Trap};
use crate::log::ExecutionLog;
use crate::system_api::{Effects, EntryPoint};
use crate::trace::{CallId, Fee};
use crate::types::{CallContextId, Cycles, Instructions, Time};
use serde::{Deserialize, Serialize, Serializer};

/// A long execution whose result may not be known yet.
pub type DeferredExecution = Deferred<LongExecution>;

/// A paused execution, which waits for its next slice.
#[derive(Debug, Deserialize)]
#[serde(from = "SavedExecution")]
pub(super) struct PausedExecution {
    /// The execution.
    pub(super) execution: DeferredExecution,
    /// Whether the execution is an installation.
    pub(super) is_installation: bool,
    /// The number of executed slices. 0 if the execution was aborted and begins again.
    pub(super) slices_done: u64,
    /// The time of the round in which the execution began.
    pub(super) since: Time,
    /// Fees that became due after the execution began. They are paid when the execution ends, because
    /// the execution continues with the balance that it began with.
    pub(super) owed: Vec<(Fee, Cycles)>,
}

/// An execution of several slices, which has no effects yet.
#[derive(Debug)]
pub struct LongExecution {
    /// The executed work, without its effects.
    pub(super) work: PausedWork,
    /// The slices of the execution.
    pub(super) slices: Slices,
    /// The changes of the memories. `None` if they were rolled back, and for an installation, which has
    /// memories of its own.
    pub(super) changes: Option<MemoryChanges>,
}

/// A paused execution as it is saved: with its result. `E` is the work, `C` the changes of the memories,
/// and `O` the owed fees.
#[derive(Serialize, Deserialize)]
struct SavedExecution<E = PausedWork, C = MemoryChanges, O = Vec<(Fee, Cycles)>> {
    work: E,
    slices: Slices,
    slices_done: u64,
    since: Time,
    changes: Option<C>,
    owed: O,
}

impl Serialize for PausedExecution {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let result = self.execution.result();
        let LongExecution { work, slices, changes } = &*result;
        let Self { slices_done, since, owed, .. } = self;
        let saved = SavedExecution {
            work,
            slices: *slices,
            slices_done: *slices_done,
            since: *since,
            changes: changes.as_ref(),
            owed,
        };
        saved.serialize(to)
    }
}

impl From<SavedExecution> for PausedExecution {
    fn from(saved: SavedExecution) -> Self {
        let SavedExecution { work, slices, slices_done, since, changes, owed } = saved;
        let is_installation = work.is_installation();
        let execution = Deferred::done(LongExecution { work, slices, changes });
        Self { execution, is_installation, slices_done, since, owed }
    }
}

/// The executed work of a paused execution.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum PausedWork {
    /// The first message of a call context, or a task.
    Call(Box<CallExecution>),
    /// A callback.
    Response(Box<ResponseExecution>),
    /// An installation, and the management call that requested it.
    Installation(Box<InstallExecution>, ExecutedManagementCall),
}

impl PausedWork {
    /// Whether the work is an installation.
    pub(super) fn is_installation(&self) -> bool {
        matches!(self, Self::Installation(..))
    }
}

/// An executed call or task whose effects are not applied yet.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CallExecution {
    /// The call. A task is a call without a caller.
    pub(super) received: ReceivedCall,
    /// The kind of entry point.
    pub(super) entry_point: EntryPoint,
    /// Whether the module has 64-bit pointers.
    pub(super) wasm64: bool,
    /// Cycles that were prepaid for the execution.
    pub(super) prepaid: Cycles,
    /// The instruction limit, for which they were prepaid.
    pub(super) instructions_max: Instructions,
    /// The result of the execution.
    pub(super) output: ExecutionOutput,
}

/// An executed callback whose effects are not applied yet.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResponseExecution {
    /// The call that the response is for.
    pub(super) call: CallId,
    /// The reject code of the response. `None` for a reply.
    pub(super) reject: Option<RejectCode>,
    /// The call context that made the call.
    pub(super) call_context_id: CallContextId,
    /// Attached cycles that the response refunded.
    pub(super) refund: Cycles,
    /// Cycles that were withheld for transmitting the response, less the price of its actual size.
    pub(super) unsent: Cycles,
    /// Cycles that were withheld for executing the callback.
    pub(super) withheld: Cycles,
    /// Whether the execution is charged at the price of 64-bit code.
    pub(super) wasm64: bool,
    /// The result of the callback and of its cleanup callback.
    pub(super) output: CallbackOutput,
}

/// The result of a callback, and of its cleanup callback if that was executed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct CallbackOutput {
    /// The effects of the callback, or of the cleanup callback if the callback trapped. `None` if both
    /// trapped, or if nothing was executed.
    pub(super) effects: Option<Box<Effects>>,
    /// The trap of the callback, and of the cleanup callback if that trapped, too.
    pub(super) trap: Option<Trap>,
    /// Instructions that both callbacks used.
    pub(super) instructions: Instructions,
    /// The debug output of each callback, if it has any.
    pub(super) logs: Vec<ExecutionLog>,
}
