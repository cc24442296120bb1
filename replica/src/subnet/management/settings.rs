//! Canister settings: what may be set, and what a status says of them.

use super::PendingCall;
use crate::canister::{Origin, Settings};
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use crate::subnet::Subnet;
use candid::Nat;
use ic_management_canister_types::{
    CanisterSettings, DefiniteCanisterSettings, EnvironmentVariable, UpdateSettingsArgs,
};
use std::collections::BTreeMap;

impl Subnet {
    pub(super) fn update_settings(&mut self, pending: &PendingCall) -> Result<(), UserError> {
        let PendingCall { call, origin, .. } = pending;
        let UpdateSettingsArgs { canister_id, settings: changes, .. } = call.decode()?;
        let canister = self.addressed(call, canister_id)?;
        canister.settings = changed(&canister.settings, changes)?;
        canister.version += 1;
        canister.settings_changed();
        canister.check_low_wasm_memory();
        if let Origin::Ingress { message, .. } = origin
            && is_paid_afterwards(call.rules.name, &call.argument)
        {
            // A canister that cannot pay now does not.
            let bytes = call.rules.name.len() + call.argument.len();
            let _ = self.charge_ingress(canister_id, *message, bytes);
        }
        Ok(())
    }
}

/// Whether a user's call is paid for only after it was executed, by what the settings are then.
pub(super) fn is_paid_afterwards(method: &str, argument: &[u8]) -> bool {
    method == "update_settings" && argument.len() <= INGRESS_PAID_AFTERWARDS_BYTES_MAX
}

/// Freezing thresholds and memory sizes beyond this make no sense
/// (interface specification, `update_settings`).
const U64_RANGE: &str = "a number below 2^64";

/// `settings` with what `changes` says instead, or why that cannot be.
pub(super) fn changed(
    settings: &Settings,
    changes: CanisterSettings,
) -> Result<Settings, UserError> {
    let mut settings = settings.clone();
    if let Some(controllers) = changes.controllers {
        if controllers.len() > CONTROLLERS_MAX {
            return invalid("controllers", format!("at most {CONTROLLERS_MAX} of them"));
        }
        settings.controllers = controllers.into_iter().collect();
    }
    set(&mut settings.compute_allocation, changes.compute_allocation, "compute_allocation", 100)?;
    set(
        &mut settings.memory_allocation,
        changes.memory_allocation,
        "memory_allocation",
        STABLE_MEMORY_MAX,
    )?;
    set(
        &mut settings.freezing_threshold_seconds,
        changes.freezing_threshold,
        "freezing_threshold",
        u64::MAX,
    )?;
    set(&mut settings.log_memory_limit, changes.log_memory_limit, "log_memory_limit", 2 * MIB)?;
    set(&mut settings.wasm_memory_limit, changes.wasm_memory_limit, "wasm_memory_limit", 1 << 48)?;
    set(
        &mut settings.wasm_memory_threshold,
        changes.wasm_memory_threshold,
        "wasm_memory_threshold",
        u64::MAX,
    )?;
    set_cycles(
        &mut settings.reserved_cycles_limit,
        changes.reserved_cycles_limit,
        "reserved_cycles_limit",
    )?;
    set_cycles(
        &mut settings.minimum_incoming_canister_call_cycles,
        changes.minimum_incoming_canister_call_cycles,
        "minimum_incoming_canister_call_cycles",
    )?;
    if let Some(variables) = changes.environment_variables {
        settings.environment_variables = environment_variables(variables)?;
    }
    settings.log_visibility = changes.log_visibility.unwrap_or(settings.log_visibility);
    settings.snapshot_visibility =
        changes.snapshot_visibility.unwrap_or(settings.snapshot_visibility);
    settings.status_visibility = changes.status_visibility.unwrap_or(settings.status_visibility);
    Ok(settings)
}

fn invalid<T>(name: &str, expected: impl std::fmt::Display) -> Result<T, UserError> {
    Err(UserError::new(
        ErrorCode::InvalidManagementPayload,
        format!("The setting '{name}' is out of range: expected {expected}"),
    ))
}

fn set(field: &mut u64, value: Option<Nat>, name: &str, max: u64) -> Result<(), UserError> {
    let Some(value) = value else { return Ok(()) };
    match u64::try_from(value.0) {
        Ok(value) if value <= max => *field = value,
        Ok(_) => return invalid(name, format!("at most {max}")),
        Err(_) => return invalid(name, U64_RANGE),
    }
    Ok(())
}

fn set_cycles(field: &mut u128, value: Option<Nat>, name: &str) -> Result<(), UserError> {
    let Some(value) = value else { return Ok(()) };
    match u128::try_from(value.0) {
        Ok(value) => *field = value,
        Err(_) => return invalid(name, "a number below 2^128"),
    }
    Ok(())
}

fn environment_variables(
    variables: Vec<EnvironmentVariable>,
) -> Result<BTreeMap<String, String>, UserError> {
    const NAME: &str = "environment_variables";
    if variables.len() > ENVIRONMENT_VARIABLES_MAX {
        return invalid(NAME, format!("at most {ENVIRONMENT_VARIABLES_MAX} of them"));
    }
    let mut map = BTreeMap::new();
    for EnvironmentVariable { name, value } in variables {
        if name.len().max(value.len()) > ENVIRONMENT_VARIABLE_BYTES_MAX {
            return invalid(NAME, format!("at most {ENVIRONMENT_VARIABLE_BYTES_MAX} bytes each"));
        }
        if map.insert(name.clone(), value).is_some() {
            return invalid(NAME, format!("each name once, not '{name}' twice"));
        }
    }
    Ok(map)
}

/// Settings as a status reports them.
pub(super) fn definite(settings: &Settings) -> DefiniteCanisterSettings {
    let variables = settings.environment_variables.clone().into_iter();
    DefiniteCanisterSettings {
        controllers: settings.controllers.iter().copied().collect(),
        compute_allocation: settings.compute_allocation.into(),
        memory_allocation: settings.memory_allocation.into(),
        freezing_threshold: settings.freezing_threshold_seconds.into(),
        reserved_cycles_limit: settings.reserved_cycles_limit.into(),
        minimum_incoming_canister_call_cycles: settings
            .minimum_incoming_canister_call_cycles
            .into(),
        log_visibility: settings.log_visibility.clone(),
        log_memory_limit: settings.log_memory_limit.into(),
        snapshot_visibility: settings.snapshot_visibility.clone(),
        status_visibility: settings.status_visibility.clone(),
        wasm_memory_limit: settings.wasm_memory_limit.into(),
        wasm_memory_threshold: settings.wasm_memory_threshold.into(),
        environment_variables: variables
            .map(|(name, value)| EnvironmentVariable { name, value })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
