//! Installs, reinstalls, upgrades and uninstalls code.

mod attempt;
mod hooks;
mod source;

pub(super) use attempt::finish_installation;
pub use source::{Installation, KnownModules, Source};

use crate::canister::installation::{Attempt, InstallExecution, InstallRecord};
use crate::canister::management_call::ExecutedManagementCall;
use crate::canister::pause::{defer, pause_installation};
use crate::canister::paused::PausedWork;
use crate::canister::received_call::CallResponse;
use crate::canister::round::RoundInput;
use crate::canister::state::Canister;
use crate::canister::steps::{extent, send};
use crate::error::{ErrorCode, UserError};
use crate::limits::CANISTER_LOG_BYTES_DEFAULT;
use crate::trace::{Event, Fee};
use crate::types::Instructions;
use hooks::ReadyInstallation;

/// Runs all steps of an installation: compilation, `canister_pre_upgrade`, the start function, and
/// `canister_init` or `canister_post_upgrade`. The result does not count yet: see [`Attempt::finish`].
///
/// # Errors
/// If the canister cannot prepay the installation. Every other failure is part of the [`Attempt`],
/// because the canister pays for the steps until the failure.
pub fn install(
    canister: &mut Canister,
    installation: Installation,
    round: &RoundInput,
) -> Result<Attempt, UserError> {
    let installation = ReadyInstallation::new(canister, installation, round)?;
    Ok(installation.run_whole(canister.sandbox.as_mut()))
}

/// An installation of which one slice has been executed.
#[derive(Debug)]
pub struct BegunInstallation {
    /// Instructions of the slice.
    pub instructions: Instructions,
    /// Whether compiling the module counts.
    pub has_compiled: bool,
    /// The installation, if it needed no other slice. Otherwise it is paused.
    pub executed: Option<InstallExecution>,
}

/// Begins an installation: runs all its steps, or pauses it after its first slice. `call` gets its response
/// when a paused installation ends.
///
/// # Errors
/// Fails for the same reason as [`install`].
pub fn begin_installation(
    canister: &mut Canister,
    installation: Installation,
    record: InstallRecord,
    call: ExecutedManagementCall,
    round: &RoundInput,
) -> Result<BegunInstallation, UserError> {
    let installation = ReadyInstallation::new(canister, installation, round)?;
    let Some(attempt) = installation.run(canister.sandbox.as_mut(), extent(round)) else {
        let work = move |sandbox: Option<&mut _>| {
            let attempt = installation.run_whole(sandbox);
            let slices = attempt.slices;
            (PausedWork::Installation(Box::new(record.of(attempt)), call), slices)
        };
        let instructions = defer(canister, true, work, round).instructions;
        return Ok(BegunInstallation { instructions, has_compiled: true, executed: None });
    };
    installation.print(&attempt);
    let instructions = attempt.slices.instructions_after(0);
    // A paused installation counts as compiled, as it is not known yet whether it gets that far.
    let is_paused = attempt.slices.count > 1;
    let has_compiled = attempt.has_compiled || is_paused;
    let execution = record.of(attempt);
    let executed = match is_paused {
        true => {
            pause_installation(canister, execution, call, round);
            None
        }
        false => Some(execution),
    };
    Ok(BegunInstallation { instructions, has_compiled, executed })
}

/// Uninstalls a canister that cannot pay for its resources. It also loses its allocations, history,
/// snapshots and cycles. Returns the responses to users.
pub fn run_out(canister: &mut Canister) -> Vec<CallResponse> {
    canister.settings.compute_allocation = 0;
    canister.settings.memory_allocation = 0;
    canister.settings.log_memory_limit = CANISTER_LOG_BYTES_DEFAULT as u64;
    canister.history.clear();
    canister.snapshots.clear();
    let responses = uninstall(canister);
    canister.pay(Fee::Uninstall, canister.balance);
    responses
}

/// Removes code, memories and call contexts. Returns the responses to users. Responses to canisters go
/// to the output queues.
pub fn uninstall(canister: &mut Canister) -> Vec<CallResponse> {
    canister.sandbox = None;
    canister.log.clear();
    canister.chunks = Default::default();
    canister.global_timer = None;
    canister.certified_data.clear();
    canister.version += 1;
    canister.settings_changed();
    let error = UserError::new(
        ErrorCode::CanisterRejectedMessage,
        format!("Canister {} has been uninstalled", canister.id),
    );
    canister.trace.record(|| Event::Uninstalled { canister: canister.id });
    let responses = canister.contexts.delete_all(&error);
    responses
        .into_iter()
        .filter_map(|response| send(canister, response))
        .map(|boxed| *boxed)
        .collect()
}

#[cfg(test)]
mod tests;
