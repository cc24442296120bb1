//! Canister settings: changing them, and reporting them in a status.
//!
//! Ranges and errors: `canister_settings.rs` and `canister_manager.rs`, `validate_canister_settings`, in
//! the replica's repository.

use super::{Call, PendingCall};
use crate::canister::{Demand, Origin, Settings};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{Method, check_count, check_settings};
use crate::limits::*;
use crate::subnet::Subnet;
use crate::types::Cycles;
use candid::Nat;
use ic_management_canister_types::{
    CanisterSettings, ChangeDetails, ControllersChangeRecord, DefiniteCanisterSettings,
    EnvironmentVariable, UpdateSettingsArgs,
};
use std::collections::BTreeMap;
use std::fmt::Display;

impl Subnet {
    pub(super) fn update_settings(&mut self, pending: &PendingCall) -> Result<(), UserError> {
        let PendingCall { call, received } = pending;
        let arguments: UpdateSettingsArgs = call.decode()?;
        let payer = arguments.canister_id.into();
        let result = self.change_settings(call, arguments);
        if let Origin::Ingress { message, sender, .. } = &received.origin
            && is_paid_afterwards(call.rules().method, &call.argument)
        {
            // The canister pays whether its settings change or not. If it cannot pay, it does not pay.
            let bytes = call.rules().name.len() + call.argument.len();
            let _ = self.charge_ingress(payer, *message, *sender, bytes);
        }
        result
    }

    fn change_settings(
        &mut self,
        call: &Call,
        arguments: UpdateSettingsArgs,
    ) -> Result<(), UserError> {
        let UpdateSettingsArgs { canister_id, settings: changes, sender_canister_version } =
            arguments;
        let (capacity, compute_taken, now) = (self.capacity(), self.compute_taken(), self.time);
        let canister = self.authorized_canister(call, canister_id.into())?;
        let changes_controllers = changes.controllers.is_some();
        let after = changed(&canister.settings, changes)?;
        let reservation = capacity.check_settings(&Demand::of(canister, &after, compute_taken))?;
        canister.reserve(reservation);
        canister.settings = after;
        canister.version += 1;
        canister.settings_changed();
        if changes_controllers {
            let controllers = canister.settings.controllers.iter().copied().collect();
            let change = ControllersChangeRecord { controllers };
            let details = ChangeDetails::ControllersChange(change);
            call.record(canister, now, sender_canister_version, details);
        }
        canister.check_low_wasm_memory();
        Ok(())
    }
}

/// Whether a user's call is paid for after its execution, under the new settings.
pub(super) fn is_paid_afterwards(method: Method, argument: &[u8]) -> bool {
    method == Method::UpdateSettings && argument.len() <= INGRESS_PAID_AFTERWARDS_BYTES_MAX
}

/// The settings with changes applied, or an error if a change is invalid.
pub(super) fn changed(
    settings: &Settings,
    mut changes: CanisterSettings,
) -> Result<Settings, UserError> {
    let mut settings = settings.clone();
    check_settings(&changes)?;
    if let Some(controllers) = changes.controllers.take() {
        settings.controllers = controllers.into_iter().collect();
    }
    change_numbers(&mut settings, &mut changes)?;
    change_cycles(&mut settings, &mut changes)?;
    if let Some(variables) = changes.environment_variables.take() {
        settings.environment_variables = environment_variables(variables)?;
    }
    change_visibilities(&mut settings, changes);
    Ok(settings)
}

/// Changes the settings that are 64-bit numbers.
fn change_numbers(
    settings: &mut Settings,
    changes: &mut CanisterSettings,
) -> Result<(), UserError> {
    let u64_max = Cycles::from(u64::MAX);
    let numbers = [
        (
            &mut settings.compute_allocation,
            changes.compute_allocation.take(),
            "compute_allocation",
            100,
        ),
        (
            &mut settings.memory_allocation,
            changes.memory_allocation.take(),
            "memory_allocation",
            u64_max,
        ),
        (
            &mut settings.freezing_threshold_seconds,
            changes.freezing_threshold.take(),
            "freezing_threshold",
            u64_max,
        ),
        (
            &mut settings.wasm_memory_limit,
            changes.wasm_memory_limit.take(),
            "wasm_memory_limit",
            WASM_MEMORY_SETTINGS_MAX,
        ),
        (
            &mut settings.wasm_memory_threshold,
            changes.wasm_memory_threshold.take(),
            "wasm_memory_threshold",
            WASM_MEMORY_SETTINGS_MAX,
        ),
        (
            &mut settings.log_memory_limit,
            changes.log_memory_limit.take(),
            "log_memory_limit",
            u64_max,
        ),
    ];
    for (field, value, name, max) in numbers {
        // Every `max` is at most `u64::MAX`, so the value fits.
        *field = checked(value, name, max)?.map_or(*field, |value| value as u64);
    }
    check_log_limit(settings.log_memory_limit)
}

/// Changes the settings that are amounts of cycles.
fn change_cycles(settings: &mut Settings, changes: &mut CanisterSettings) -> Result<(), UserError> {
    let amounts = [
        (
            &mut settings.reserved_cycles_limit,
            changes.reserved_cycles_limit.take(),
            "reserved_cycles_limit",
        ),
        (
            &mut settings.minimum_incoming_canister_call_cycles,
            changes.minimum_incoming_canister_call_cycles.take(),
            "minimum_incoming_canister_call_cycles",
        ),
    ];
    for (field, value, name) in amounts {
        *field = checked(value, name, Cycles::MAX)?.unwrap_or(*field);
    }
    Ok(())
}

/// Changes who may see the log, the snapshots and the status.
fn change_visibilities(settings: &mut Settings, changes: CanisterSettings) {
    if let Some(visibility) = changes.log_visibility {
        settings.log_visibility = visibility;
    }
    if let Some(visibility) = changes.snapshot_visibility {
        settings.snapshot_visibility = visibility;
    }
    if let Some(visibility) = changes.status_visibility {
        settings.status_visibility = visibility;
    }
}

/// The value of a numeric setting that is to be changed. It must not be above `max`.
fn checked(value: Option<Nat>, name: &str, max: Cycles) -> Result<Option<Cycles>, UserError> {
    let Some(Nat(value)) = value else { return Ok(None) };
    match Cycles::try_from(&value) {
        Ok(value) if value <= max => Ok(Some(value)),
        Ok(_) | Err(_) => Err(UserError::new(
            ErrorCode::CanisterContractViolation,
            format!("{name} expected to be in the range of [0..{max}], got {value}"),
        )),
    }
}

fn check_log_limit(bytes: u64) -> Result<(), UserError> {
    let (min, max) = (CANISTER_LOG_BYTES_MIN as u64, CANISTER_LOG_BYTES_MAX as u64);
    if bytes == 0 || (min..=max).contains(&bytes) {
        return Ok(());
    }
    Err(UserError::new(
        ErrorCode::CanisterRejectedMessage,
        format!("log_memory_limit must be 0 or between {min} and {max}, not {bytes}"),
    ))
}

fn undecodable<T>(name: &str, why: impl Display) -> Result<T, UserError> {
    let text = format!("Invalid {name}: {why}");
    Err(UserError::new(ErrorCode::InvalidManagementPayload, text))
}

fn environment_variables(
    variables: Vec<EnvironmentVariable>,
) -> Result<BTreeMap<String, String>, UserError> {
    const NAME: &str = "environment_variables";
    check_count(NAME, variables.len(), ENVIRONMENT_VARIABLES_MAX)?;
    let mut map = BTreeMap::new();
    for EnvironmentVariable { name, value } in variables {
        if name.len().max(value.len()) > ENVIRONMENT_VARIABLE_BYTES_MAX {
            let max = ENVIRONMENT_VARIABLE_BYTES_MAX;
            return undecodable(
                NAME,
                format!("a name or value exceeds the maximum length of {max}"),
            );
        }
        if map.insert(name.clone(), value).is_some() {
            return undecodable(NAME, format!("duplicates are not allowed, such as '{name}'"));
        }
    }
    Ok(map)
}

/// The settings as a canister status reports them.
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
