//! Management calls by which controllers put code into a canister and start, stop and watch it.

use crate::canister::{
    self, Answer, Canister, Code, Failure, InstallMode, Installation, Status, StopRequest,
};
use crate::cycles::Prices;
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::STOP_TIMEOUT_SECONDS;
use crate::subnet::management::{ManagementCall, decode, encode};
use crate::subnet::{Subnet, settings};
use crate::types::Payload;
use ic_management_canister_types::*;
use std::sync::Arc;

impl Subnet {
    pub(super) fn install_code(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let arguments: InstallCodeArgs = decode(argument)?;
        let round = self.round_context();
        let canister = self.controlled(call, arguments.canister_id)?;
        let mode = match arguments.mode {
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
        };
        let invalid = |error: crate::wasm::InvalidModule| {
            Trap::InvalidModule(error.0).into_user_error(arguments.canister_id)
        };
        let module = crate::wasm::compile(&arguments.wasm_module).map_err(invalid)?;
        let installation = Installation {
            mode,
            code: Arc::new(Code::link(module).map_err(invalid)?),
            argument: arguments.arg,
            caller: call.origin.caller(),
        };
        canister::install(canister, installation, &round).0
    }

    pub(super) fn uninstall_code(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let answers = canister::uninstall(self.named(call, argument)?);
        for answer in answers {
            self.answer(answer);
        }
        Ok(())
    }

    pub(super) fn update_settings(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let arguments: UpdateSettingsArgs = decode(argument)?;
        let canister = self.controlled(call, arguments.canister_id)?;
        canister.settings = settings::changed(&canister.settings, arguments.settings)?;
        canister.version += 1;
        canister.settings_changed();
        Ok(())
    }

    pub(super) fn canister_status(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<Payload, UserError> {
        let prices = self.prices;
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        // A canister may ask for its own status.
        let canister = match call.origin.caller() == id {
            true => self.canisters.get_mut(&id).ok_or_else(|| UserError::canister_not_found(id))?,
            false => self.controlled(call, id)?,
        };
        Ok(encode((status(canister, prices),)))
    }

    pub(super) fn start_canister(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let canister = self.named(call, argument)?;
        let id = canister.id;
        let status = std::mem::replace(&mut canister.status, Status::Running);
        canister.version += 1;
        if let Status::Stopping(requests) = status {
            let error = UserError::new(
                ErrorCode::CanisterStoppingCancelled,
                format!("Canister {id} was started again before it had stopped"),
            );
            for StopRequest { origin, cycles, .. } in requests {
                let result = Err(Failure::Error(error.clone()));
                self.answer(Answer { origin, result, refund: cycles });
            }
        }
        Ok(())
    }

    /// Asks a canister to stop. Who asked is answered once it has, at the end of a round.
    pub(super) fn stop_canister(
        &mut self,
        call: &mut ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let expiry = self.time.plus_secs(STOP_TIMEOUT_SECONDS);
        let request = StopRequest { origin: call.origin.clone(), cycles: call.cycles, expiry };
        let canister = self.named(call, argument)?;
        match &mut canister.status {
            Status::Stopping(requests) => requests.push(request),
            status => {
                *status = Status::Stopping(vec![request]);
                canister.version += 1;
            }
        }
        Ok(())
    }

    pub(super) fn delete_canister(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let canister = self.named(call, argument)?;
        let id = canister.id;
        if canister.status != Status::Stopped {
            return Err(UserError::new(
                ErrorCode::CanisterNotStopped,
                format!("Canister {id} must be stopped before it is deleted"),
            ));
        }
        if !canister.queues.is_idle() {
            return Err(UserError::new(
                ErrorCode::CanisterQueueNotEmpty,
                format!("Canister {id} still has messages in its queues"),
            ));
        }
        self.canisters.remove(&id);
        Ok(())
    }
}

/// What `canister_status` says. What this replica does not keep is reported as zero.
fn status(canister: &Canister, prices: Prices) -> CanisterStatusResult {
    let zero = || candid::Nat::from(0u8);
    let compute = canister.settings.compute_allocation;
    CanisterStatusResult {
        status: match canister.status {
            Status::Running => CanisterStatusType::Running,
            Status::Stopping(_) => CanisterStatusType::Stopping,
            Status::Stopped => CanisterStatusType::Stopped,
        },
        ready_for_migration: canister.status == Status::Stopped && canister.queues.is_idle(),
        version: canister.version,
        settings: settings::definite(&canister.settings),
        module_hash: canister.module_hash().map(Vec::from),
        memory_size: canister.memory_bytes().into(),
        memory_metrics: MemoryMetrics {
            wasm_memory_size: canister.heap_bytes().into(),
            stable_memory_size: canister.stable_bytes().into(),
            global_memory_size: zero(),
            wasm_binary_size: canister.module_bytes().into(),
            custom_sections_size: zero(),
            canister_history_size: zero(),
            wasm_chunk_store_size: zero(),
            snapshots_size: zero(),
            log_memory_store_size: zero(),
        },
        cycles: canister.balance.into(),
        reserved_cycles: zero(),
        idle_cycles_burned_per_day: prices
            .idle_burn_per_day(canister.memory_bytes(), compute)
            .into(),
        query_stats: QueryStats {
            num_calls_total: zero(),
            num_instructions_total: zero(),
            request_payload_bytes_total: zero(),
            response_payload_bytes_total: zero(),
        },
    }
}
