//! Installations of code: the request, and the result before it is applied.

use crate::canister::sandbox::Sandbox;
use crate::canister::slices::Slices;
use crate::error::UserError;
use crate::log::ExecutionLog;
use crate::types::{Cycles, Instructions, Time};
use ic_management_canister_types::{ChangeDetails, ChangeOrigin, UpgradeFlags};
use serde::{Deserialize, Serialize};

/// The mode of an installation. It determines which memories are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstallMode {
    /// The canister has no code yet.
    Install,
    /// Heap, globals and stable memory are cleared.
    Reinstall,
    /// Stable memory is kept. With some flags, the heap is kept, too. The old code executes
    /// `canister_pre_upgrade`, then the new code executes `canister_post_upgrade`.
    Upgrade(UpgradeFlags),
}

/// An executed installation whose result is not applied yet. Until then, the canister has only prepaid
/// for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// The slices of all executed functions.
    pub slices: Slices,
    /// Whether the new module was assembled and compiled.
    pub has_compiled: bool,
    /// Instructions that the installation used, including those for compiling the module.
    pub(super) instructions: Instructions,
    /// The new state of the canister, or why the installation failed.
    pub(super) result: Result<NewState, UserError>,
    pub(super) mode: InstallMode,
    /// The debug output of each executed function.
    pub(super) logs: Vec<ExecutionLog>,
    /// Cycles that were prepaid for the installation.
    pub(super) prepaid: Cycles,
    /// The cost of the installation, in cycles.
    pub(super) fee: Cycles,
}

/// The new state of the canister, if the installation succeeds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NewState {
    pub sandbox: Sandbox,
    pub certified_data: Vec<u8>,
    pub global_timer: Option<Time>,
}

/// The entry of an installation in the canister history, if it succeeds.
#[derive(Debug)]
pub struct InstallRecord {
    /// The time of the round in which the installation began.
    pub time: Time,
    /// The user or canister that requested the installation.
    pub origin: ChangeOrigin,
    /// The change for the canister history.
    pub details: ChangeDetails,
}

impl InstallRecord {
    /// The executed installation with this entry.
    pub(super) fn of(self, attempt: Attempt) -> InstallExecution {
        let Self { time, origin, details } = self;
        InstallExecution { attempt, time, origin, details }
    }
}

/// An executed installation, and its entry in the canister history if it succeeds.
#[derive(Debug, Serialize, Deserialize)]
pub struct InstallExecution {
    /// The installation.
    pub attempt: Attempt,
    /// The time of the round in which the installation began.
    pub time: Time,
    /// The user or canister that requested the installation.
    pub origin: ChangeOrigin,
    /// The change for the canister history.
    pub details: ChangeDetails,
}
