//! What can be seen of canisters, and changed, from outside the rules of the network.

use super::{Id, Shared};
use crate::server::api::{Answer, ApiResult, Body};
use crate::server::convert::*;
use axum::extract::State;
use pocket_ic::common::rest::*;

pub(super) async fn get_cycles(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterId>,
) -> ApiResult<RawCycles> {
    let canister = principal(&raw.canister_id)?;
    let cycles = instances.with(id, |instance| instance.cycles(canister)).await??;
    Ok(Answer(RawCycles { cycles }))
}

pub(super) async fn add_cycles(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawAddCycles>,
) -> ApiResult<RawCycles> {
    let canister = principal(&raw.canister_id)?;
    let cycles = instances.with(id, |instance| instance.add_cycles(canister, raw.amount)).await??;
    Ok(Answer(RawCycles { cycles }))
}

pub(super) async fn get_subnet(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterId>,
) -> ApiResult<Option<RawSubnetId>> {
    let canister = principal(&raw.canister_id)?;
    let subnet = instances.with(id, |instance| instance.subnet_with(canister)).await?;
    Ok(Answer(subnet.map(|subnet| subnet.principal().into())))
}

pub(super) async fn get_controllers(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterId>,
) -> ApiResult<Vec<RawPrincipalId>> {
    let canister = principal(&raw.canister_id)?;
    let controllers = instances.with(id, |instance| instance.controllers(canister)).await??;
    Ok(Answer(controllers.into_iter().map(RawPrincipalId::from).collect()))
}

pub(super) async fn get_stable_memory(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterId>,
) -> ApiResult<RawStableMemory> {
    let canister = principal(&raw.canister_id)?;
    let blob = instances.execute(id, |instance| instance.stable_memory(canister)).await??;
    Ok(Answer(RawStableMemory { blob }))
}

pub(super) async fn set_stable_memory(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawSetStableMemory>,
) -> ApiResult<()> {
    let canister = principal(&raw.canister_id)?;
    let blob = instances.blobs().get(&raw.blob_id.0)?;
    instances.execute(id, |instance| instance.set_stable_memory(canister, &blob)).await??;
    Ok(Answer(()))
}
