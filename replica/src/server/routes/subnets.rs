//! What can be seen of subnets, and deleting them.

use super::{Id, Shared};
use crate::server::api::{Answer, ApiResult, Body};
use crate::server::convert;
use axum::extract::State;
use pocket_ic::common::rest::{RawSubnetId, Topology};

pub(super) async fn topology(State(instances): Shared, Id(id): Id) -> ApiResult<Topology> {
    instances.with(id, |instance| convert::topology(instance)).await.map(Answer)
}

pub(super) async fn public_key(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawSubnetId>,
) -> ApiResult<Vec<u8>> {
    let subnet = convert::principal(&raw.subnet_id)?;
    let key = instances.with(id, |instance| instance.public_key(subnet)).await??;
    Ok(Answer(key))
}

pub(super) async fn delete(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawSubnetId>,
) -> ApiResult<()> {
    let subnet = convert::principal(&raw.subnet_id)?;
    instances.execute(id, |instance| instance.delete_subnet(subnet)).await??;
    Ok(Answer(()))
}
