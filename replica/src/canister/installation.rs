//! An installation of code: what is asked for, and what it came to before it counts.

use crate::canister::sandbox::Sandbox;
use crate::canister::slices::Slices;
use crate::error::UserError;
use crate::log::ExecutionLog;
use crate::types::{Cycles, Instructions, Time};
use ic_management_canister_types::{ChangeDetails, ChangeOrigin, UpgradeFlags};

/// What happens to the canister's memories when code is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallMode {
    /// There must be no code yet.
    Install,
    /// Everything begins anew.
    Reinstall,
    /// Stable memory stays, and with some flags the heap. The old code runs `canister_pre_upgrade`
    /// before, the new code `canister_post_upgrade` afterwards.
    Upgrade(UpgradeFlags),
}

/// An installation that has run and does not count yet: the canister is as it was before, except that
/// it has prepaid.
#[derive(Debug)]
pub struct Attempt {
    /// How its functions are spread over rounds.
    pub slices: Slices,
    /// Whether the new code was put together and compiled.
    pub has_compiled: bool,
    /// Instructions, those for compiling the code included.
    pub(super) instructions: Instructions,
    /// The new state of the canister, or why the installation failed.
    pub(super) result: Result<NewState, UserError>,
    pub(super) mode: InstallMode,
    /// What each function printed.
    pub(super) logs: Vec<ExecutionLog>,
    /// Cycles taken beforehand.
    pub(super) prepaid: Cycles,
    /// What the installation costs.
    pub(super) fee: Cycles,
}

/// What the new code made of the state it began with.
#[derive(Debug)]
pub(super) struct NewState {
    pub sandbox: Sandbox,
    pub certified_data: Vec<u8>,
    pub global_timer: Option<Time>,
}

/// An installation that has run, and what the canister's history says of it if it succeeds.
#[derive(Debug)]
pub struct InstallExecution {
    /// The installation.
    pub attempt: Attempt,
    /// The time of the round in which it began.
    pub time: Time,
    /// Who installs.
    pub origin: ChangeOrigin,
    /// What is installed.
    pub details: ChangeDetails,
}
