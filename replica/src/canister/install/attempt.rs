//! Makes an installation that ran take effect.

use crate::canister::installation::{Attempt, InstallExecution, InstallMode, NewState};
use crate::canister::management_call::ExecutedManagementCall;
use crate::canister::round::{Execution, RoundInput};
use crate::canister::state::Canister;
use crate::canister::subnet_capacity::SubnetCapacity;
use crate::error::{Trap, UserError};
use crate::ic00::empty_reply;
use crate::trace::Fee;

impl InstallExecution {
    /// Applies the installation to the canister. Records a successful one in the history.
    ///
    /// # Errors
    /// Why the installation failed. The canister is as it was before, except for what that cost.
    pub fn finish(self, canister: &mut Canister, round: &RoundInput) -> Result<(), UserError> {
        self.attempt.finish(canister, round)?;
        canister.check_low_wasm_memory();
        canister.record_change(self.time, self.origin, self.details);
        Ok(())
    }
}

/// Finishes an installation in the round of its last slice, and responds to the management call.
pub(in crate::canister) fn finish_installation(
    canister: &mut Canister,
    installation: InstallExecution,
    call: ExecutedManagementCall,
    round: &RoundInput,
) -> Execution {
    let result = installation.finish(canister, round).map(|()| Some(empty_reply()));
    let response = call.conclude(result, &canister.trace).map(Box::new);
    Execution { response, ..Execution::default() }
}

impl Attempt {
    /// Charges for the attempt. If it succeeded, replaces the code and state of the canister.
    ///
    /// # Errors
    /// Why the installation failed, or the memory or cycles that are missing for the new code. The
    /// canister stays as it was, except for the fee.
    pub fn finish(self, canister: &mut Canister, round: &RoundInput) -> Result<(), UserError> {
        canister.debits.add_install_instructions(self.instructions);
        canister.credit(self.prepaid);
        canister.pay(Fee::Installation, self.fee);
        let result = self.result.and_then(|state| state.put(canister, round));
        if result.is_ok() && !matches!(self.mode, InstallMode::Upgrade(_)) {
            canister.log.clear();
        }
        for log in self.logs {
            canister.add_log(log);
        }
        result
    }
}

impl NewState {
    /// Replaces the code and state, if the heap is within its limit, and the canister and its subnet can
    /// afford the additional memory (`execution/install_code.rs`, `finish`).
    fn put(self, canister: &mut Canister, round: &RoundInput) -> Result<(), UserError> {
        let (bytes, limit) = (self.sandbox.heap_bytes(), canister.settings.wasm_memory_limit);
        if limit != 0 && bytes > limit {
            return Err(Trap::WasmMemoryLimit { bytes, limit }.into_user_error(canister.id));
        }
        let before = canister.memory_usage().total();
        let old = canister.sandbox.replace(self.sandbox);
        let after = canister.memory_usage().total();
        let capacity = SubnetCapacity { memory: round.subnet_memory, prices: round.prices };
        if after > before
            && let Err(error) = capacity.resize(canister, before, after, 0)
        {
            canister.sandbox = old;
            return Err(error);
        }
        canister.global_timer = self.global_timer;
        canister.certified_data = self.certified_data;
        canister.version += 1;
        canister.settings_changed();
        Ok(())
    }
}
