//! Management calls that put code into a canister and take it out.

use super::Call;
use crate::canister::{self, Code, InstallMode, Installation};
use crate::error::{ErrorCode, Trap, UserError};
use crate::subnet::Subnet;
use crate::types::Payload;
use ic_management_canister_types::{
    CanisterInstallMode, InstallCodeArgs, UninstallCodeArgs, WasmMemoryPersistence,
};
use std::sync::Arc;

impl Subnet {
    pub(super) fn install_code(&mut self, call: &Call) -> Result<(), UserError> {
        let InstallCodeArgs { mode, canister_id, wasm_module, arg, .. } = call.decode()?;
        self.addressed(call, canister_id)?;
        self.install(call, canister_id, mode, &wasm_module, arg)
    }

    /// Installs a module into a canister that the caller controls.
    fn install(
        &mut self,
        call: &Call,
        id: candid::Principal,
        mode: CanisterInstallMode,
        module: &[u8],
        argument: Payload,
    ) -> Result<(), UserError> {
        let invalid =
            |error: crate::wasm::InvalidModule| Trap::InvalidModule(error.0).into_user_error(id);
        let installation = Installation {
            mode: install_mode(mode)?,
            code: Arc::new(
                Code::link(crate::wasm::compile(module).map_err(invalid)?).map_err(invalid)?,
            ),
            argument,
            caller: call.caller,
        };
        let round = self.round_context();
        let canister = self.addressed(call, id)?;
        canister::install(canister, installation, &round).0?;
        canister.check_low_wasm_memory();
        Ok(())
    }

    pub(super) fn uninstall_code(&mut self, call: &Call) -> Result<(), UserError> {
        let UninstallCodeArgs { canister_id, .. } = call.decode()?;
        let canister = self.addressed(call, canister_id)?;
        let answers = canister::uninstall(canister);
        canister.check_low_wasm_memory();
        for answer in answers {
            self.answer(answer);
        }
        Ok(())
    }
}

fn install_mode(mode: CanisterInstallMode) -> Result<InstallMode, UserError> {
    Ok(match mode {
        CanisterInstallMode::Install => InstallMode::Install,
        CanisterInstallMode::Reinstall => InstallMode::Reinstall,
        CanisterInstallMode::Upgrade(flags) => {
            let flags = flags.unwrap_or_default();
            if flags.wasm_memory_persistence == Some(WasmMemoryPersistence::Keep) {
                return Err(UserError::new(
                    ErrorCode::InvalidManagementPayload,
                    "Upgrades that keep the heap are not supported by this replica yet",
                ));
            }
            InstallMode::Upgrade { skip_pre_upgrade: flags.skip_pre_upgrade == Some(true) }
        }
    })
}
