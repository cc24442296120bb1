//! Reading the topology and the keys of subnets, and deleting subnets.

use super::extract::{Id, Shared};
use crate::server::api::{ApiResult, JsonBody};
use crate::server::convert;
use axum::Json;
use axum::extract::State;
use pocket_ic::common::rest::{RawSubnetId, Topology};

pub(super) async fn topology(State(instances): Shared, Id(id): Id) -> ApiResult<Topology> {
    instances.with(id, |instance| convert::topology(instance)).await.map(Json)
}

pub(super) async fn public_key(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawSubnetId>,
) -> ApiResult<Vec<u8>> {
    let subnet = convert::principal(&raw.subnet_id)?;
    let key = instances.with(id, |instance| instance.public_key(subnet)).await??;
    Ok(Json(key))
}

pub(super) async fn delete(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawSubnetId>,
) -> ApiResult<()> {
    let subnet = convert::principal(&raw.subnet_id)?;
    let hosted = instances.get(id)?;
    hosted.execute(|instance| instance.delete_subnet(subnet)).await??;
    // Rounds that waited for executions of the subnet need not wait any more.
    hosted.executions.notify_waiters();
    Ok(Json(()))
}
