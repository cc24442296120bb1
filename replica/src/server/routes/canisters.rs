//! Reading and changing canisters directly. Users of a real network cannot do this.

use super::extract::{Id, Shared};
use crate::server::api::{ApiResult, JsonBody};
use crate::server::convert::*;
use axum::Json;
use axum::extract::State;
use pocket_ic::common::rest::*;

pub(super) async fn get_cycles(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterId>,
) -> ApiResult<RawCycles> {
    let canister = principal(&raw.canister_id)?;
    let cycles = instances.with(id, |instance| instance.cycles(canister)).await??;
    Ok(Json(RawCycles { cycles }))
}

pub(super) async fn add_cycles(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawAddCycles>,
) -> ApiResult<RawCycles> {
    let canister = principal(&raw.canister_id)?;
    let cycles = instances.with(id, |instance| instance.add_cycles(canister, raw.amount)).await??;
    Ok(Json(RawCycles { cycles }))
}

pub(super) async fn get_subnet(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterId>,
) -> ApiResult<Option<RawSubnetId>> {
    let canister = principal(&raw.canister_id)?;
    let subnet = instances.with(id, |instance| instance.subnet_with(canister)).await?;
    Ok(Json(subnet.map(|subnet| subnet.principal().into())))
}

pub(super) async fn get_controllers(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterId>,
) -> ApiResult<Vec<RawPrincipalId>> {
    let canister = principal(&raw.canister_id)?;
    let controllers = instances.with(id, |instance| instance.controllers(canister)).await??;
    Ok(Json(controllers.into_iter().map(RawPrincipalId::from).collect()))
}

pub(super) async fn get_stable_memory(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterId>,
) -> ApiResult<RawStableMemory> {
    let canister = principal(&raw.canister_id)?;
    let blob = instances.execute(id, |instance| instance.stable_memory(canister)).await??;
    Ok(Json(RawStableMemory { blob }))
}

pub(super) async fn set_stable_memory(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawSetStableMemory>,
) -> ApiResult<()> {
    let canister = principal(&raw.canister_id)?;
    let blob = instances.blobs().get(&raw.blob_id.0)?;
    instances.execute(id, |instance| instance.set_stable_memory(canister, &blob)).await??;
    Ok(Json(()))
}
