//! The fake registry: queries about subnets.

use super::{Surroundings, respond};
use crate::error::UserError;
use crate::types::*;
use candid::{CandidType, Principal};
use serde::Deserialize;

#[derive(CandidType, Deserialize)]
pub(super) struct GetSubnetForCanisterArgs {
    pub(super) principal: Option<Principal>,
}

#[derive(CandidType, Deserialize)]
pub(super) struct SubnetForCanister {
    pub(super) subnet_id: Option<Principal>,
}

/// Executes a query of the registry. Returns `None` if the registry has no such method.
pub(super) fn of_registry(
    method: &str,
    argument: &[u8],
    surroundings: &Surroundings,
) -> Option<Result<Payload, UserError>> {
    let answer = |args: GetSubnetForCanisterArgs| -> Result<SubnetForCanister, String> {
        let canister = args.principal.ok_or("the field `principal` is missing")?;
        match surroundings.network.subnet_of(canister.into()) {
            Some(subnet) => Ok(SubnetForCanister { subnet_id: Some(subnet.into()) }),
            None => Err(format!("no subnet hosts canister {canister}")),
        }
    };
    (method == "get_subnet_for_canister").then(|| respond(argument, answer))
}
