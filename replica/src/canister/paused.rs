//! Executions that take longer than one round (deterministic time slicing, DTS).
//!
//! The replica runs such an execution in one go and sets aside what it did. That counts in the round
//! in which the network would run the last slice. Until then the canister is as it was before and
//! executes nothing else.
//!
//! Rules: `PausedExecution` in `execution_environment/src/execution/{call_or_task,response}.rs` and
//! `install_code.rs` in the replica's repository.

use crate::canister::call_context::Origin;
use crate::canister::installation::InstallExecution;
use crate::canister::management_call::ExecutedManagementCall;
use crate::canister::sandbox::{ExecutionOutput, MemoryChanges};
use crate::canister::slices::Slices;
use crate::error::{RejectCode, Trap};
use crate::log::ExecutionLog;
use crate::system_api::{Effects, EntryPoint};
use crate::trace::{CallId, Fee};
use crate::types::{CallContextId, Cycles, Instructions, Time};

/// An execution that waits for its next slice.
#[derive(Debug)]
pub(super) struct PausedExecution {
    /// What is to be finished.
    pub(super) work: PausedWork,
    /// How the execution is spread over rounds.
    pub(super) slices: Slices,
    /// Slices that have run; 0 if the execution was aborted and begins anew.
    pub(super) slices_done: u64,
    /// The time of the round in which it began.
    pub(super) since: Time,
    /// What it did to the memories; nothing, if that is kept elsewhere or undone.
    pub(super) changes: Option<MemoryChanges>,
    /// Fees that fell due since it began. They are paid when it ends, since it goes on with the
    /// balance it began with.
    pub(super) owed: Vec<(Fee, Cycles)>,
}

/// What is to be finished in the round of the last slice.
#[derive(Debug)]
pub(super) enum PausedWork {
    /// The first message of a call context, or a task.
    Call(Box<CallExecution>),
    /// A callback.
    Response(Box<ResponseExecution>),
    /// An installation, and the management call that asked for it.
    Installation(Box<InstallExecution>, ExecutedManagementCall),
}

/// An execution of a call or a task that has run and does not count yet.
#[derive(Debug)]
pub(super) struct CallExecution {
    /// Who called.
    pub(super) origin: Origin,
    /// Cycles attached to the call.
    pub(super) cycles: Cycles,
    /// Where the execution began.
    pub(super) entry_point: EntryPoint,
    /// Whether the code has 64-bit pointers.
    pub(super) wasm64: bool,
    /// Cycles taken beforehand.
    pub(super) prepaid: Cycles,
    /// What the execution came to.
    pub(super) output: ExecutionOutput,
}

/// An execution of a callback that has run and does not count yet.
#[derive(Debug)]
pub(super) struct ResponseExecution {
    /// The call that was answered.
    pub(super) call: CallId,
    /// The reject code of the response; nothing, for a reply.
    pub(super) reject: Option<RejectCode>,
    /// The context on whose behalf the call was made.
    pub(super) call_context_id: CallContextId,
    /// Attached cycles that came back.
    pub(super) refund: Cycles,
    /// Cycles withheld for transmitting the response that its size did not need.
    pub(super) unsent: Cycles,
    /// Cycles withheld for executing the callback.
    pub(super) withheld: Cycles,
    /// Whether the execution is paid for as that of code with 64-bit pointers.
    pub(super) wasm64: bool,
    /// What the callback and its cleanup came to.
    pub(super) output: CallbackOutput,
}

/// What a callback came to, and its cleanup, if that ran.
#[derive(Debug, Default)]
pub(super) struct CallbackOutput {
    /// The effects of the callback, or of the cleanup if the callback trapped; nothing, if both trapped
    /// or nothing ran.
    pub(super) effects: Option<Effects>,
    /// Why the callback, or its cleanup, trapped.
    pub(super) trap: Option<Trap>,
    /// Instructions used by both.
    pub(super) instructions: Instructions,
    /// What each of them printed.
    pub(super) logs: Vec<ExecutionLog>,
}
