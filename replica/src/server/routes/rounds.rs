//! The time, and rounds.

use super::extract::{Id, Shared};
use crate::instance::{BlockMakers, Instance};
use crate::server::api::{ApiResult, JsonBody};
use crate::server::convert::principal;
use crate::types::Time;
use axum::Json;
use axum::extract::State;
use pocket_ic::common::rest::{RawNodeId, RawSubnetBlockmakers, RawTime};
use serde::Deserialize;

pub(super) async fn get_time(State(instances): Shared, Id(id): Id) -> ApiResult<RawTime> {
    let time = instances.with(id, |instance| instance.time()).await?;
    Ok(Json(RawTime { nanos_since_epoch: time.as_nanos() }))
}

pub(super) async fn set_time(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawTime>,
) -> ApiResult<()> {
    let time = Time::from_nanos(raw.nanos_since_epoch);
    instances.with(id, |instance| instance.set_time(time)).await??;
    Ok(Json(()))
}

pub(super) async fn set_certified_time(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawTime>,
) -> ApiResult<()> {
    let time = Time::from_nanos(raw.nanos_since_epoch);
    instances.with(id, |instance| instance.set_certified_time(time)).await??;
    Ok(Json(()))
}

/// The configuration of a tick.
#[derive(Deserialize)]
pub(super) struct TickConfiguration {
    blockmakers: Option<BlockMakersOfSubnets>,
}

/// The block makers of subnets, in the form of today's clients or of clients before version 12.
#[derive(Deserialize)]
#[serde(untagged)]
enum BlockMakersOfSubnets {
    List(Vec<RawSubnetBlockmakers>),
    Record { blockmakers_per_subnet: Vec<RawSubnetBlockmakers> },
}

pub(super) async fn tick(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(config): JsonBody<TickConfiguration>,
) -> ApiResult<()> {
    let node = |raw: &RawNodeId| principal(&raw.node_id);
    let mut makers = Vec::new();
    let blockmakers = match config.blockmakers {
        Some(
            BlockMakersOfSubnets::List(makers)
            | BlockMakersOfSubnets::Record { blockmakers_per_subnet: makers },
        ) => makers,
        None => Vec::new(),
    };
    for raw in blockmakers {
        let failed = raw.failed_blockmakers.iter().map(node).collect::<Result<Vec<_>, _>>()?;
        let subnet = principal(&raw.subnet.subnet_id)?;
        makers.push(BlockMakers { subnet, maker: node(&raw.blockmaker)?, failed });
    }
    let tick =
        |instance: &mut Instance| (!instance.is_executing()).then(|| instance.tick_with(&makers));
    instances.get(id)?.execute_round(tick).await??;
    Ok(Json(()))
}
