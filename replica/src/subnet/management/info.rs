//! Management calls that anybody may make about a canister: its history and its metadata.

use super::Call;
use crate::canister::Canister;
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::subnet::Subnet;
use crate::types::{Payload, Time};
use crate::wasm::Visibility;
use ic_management_canister_types::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

impl Call {
    /// The origin of a change that this call makes. `canister_version` is that of the caller, if the
    /// argument contains it.
    pub(super) fn change_origin(&self, canister_version: Option<u64>) -> ChangeOrigin {
        if self.by_canister {
            let canister_id = self.caller;
            ChangeOrigin::FromCanister(FromCanisterRecord { canister_id, canister_version })
        } else {
            ChangeOrigin::FromUser(FromUserRecord { user_id: self.caller })
        }
    }

    /// Records a change that this call has made in the canister's history.
    pub(super) fn record(
        &self,
        canister: &mut Canister,
        now: Time,
        sender_version: Option<u64>,
        details: ChangeDetails,
    ) {
        canister.record_change(now, self.change_origin(sender_version), details);
    }
}

impl Subnet {
    pub(super) fn canister_info(&mut self, call: &Call) -> Result<Payload, UserError> {
        let CanisterInfoArgs { canister_id, num_requested_changes } = call.decode()?;
        let canister = self.authorized_canister(call, canister_id.into())?;
        let changes = canister.history.latest(num_requested_changes.unwrap_or(0));
        Ok(encode((CanisterInfoResult {
            total_num_changes: canister.history.total(),
            recent_changes: changes.cloned().collect(),
            module_hash: canister.module_hash().map(Vec::from),
            controllers: canister.settings.controllers.iter().copied().collect(),
        },)))
    }

    pub(super) fn canister_metadata(&mut self, call: &Call) -> Result<Payload, UserError> {
        let CanisterMetadataArgs { canister_id, name } = call.decode()?;
        let canister = self.authorized_canister(call, canister_id.into())?;
        let refused = |text| Err(UserError::new(ErrorCode::CanisterRejectedMessage, text));
        let Some(module) = canister.module() else {
            return refused(format!(
                "The canister {canister_id} has no Wasm module and hence no metadata is available."
            ));
        };
        let is_controller = canister.settings.controllers.contains(&call.caller);
        match module.metadata.get(&name) {
            Some(section) if is_controller || section.visibility == Visibility::Public => {
                Ok(encode((CanisterMetadataResult { value: section.content.clone() },)))
            }
            Some(_) | None => refused(format!(
                "The canister {canister_id} has no metadata section with the name {name}."
            )),
        }
    }
}

/// The hash of environment variables: the hash of the sorted hashes of all names and values (interface
/// specification, "Hash of map").
pub(super) fn variables_hash(variables: &BTreeMap<String, String>) -> Vec<u8> {
    let pair = |(name, value)| [Sha256::digest(name), Sha256::digest(value)].concat();
    let mut pairs: Vec<Vec<u8>> = variables.iter().map(pair).collect();
    pairs.sort();
    Sha256::digest(pairs.concat()).to_vec()
}
