//! Time, rounds, and rounds that happen by themselves.

use super::{Id, Shared};
use crate::instance::BlockMakers;
use crate::server::api::{Answer, ApiResult, Body};
use crate::server::convert::principal;
use crate::types::Time;
use axum::extract::State;
use pocket_ic::common::rest::{AutoProgressConfig, RawNodeId, RawTickConfigs, RawTime};
use std::time::Duration;

pub(super) async fn get_time(State(instances): Shared, Id(id): Id) -> ApiResult<RawTime> {
    let time = instances.with(id, |instance| instance.time()).await?;
    Ok(Answer(RawTime { nanos_since_epoch: time.as_nanos() }))
}

pub(super) async fn set_time(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawTime>,
) -> ApiResult<()> {
    let time = Time::from_nanos(raw.nanos_since_epoch);
    instances.with(id, |instance| instance.set_time(time)).await??;
    Ok(Answer(()))
}

pub(super) async fn set_certified_time(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawTime>,
) -> ApiResult<()> {
    let time = Time::from_nanos(raw.nanos_since_epoch);
    instances.with(id, |instance| instance.set_certified_time(time)).await??;
    Ok(Answer(()))
}

pub(super) async fn tick(
    State(instances): Shared,
    Id(id): Id,
    Body(config): Body<RawTickConfigs>,
) -> ApiResult<()> {
    let node = |raw: &RawNodeId| principal(&raw.node_id);
    let mut makers = Vec::new();
    for raw in config.blockmakers.unwrap_or_default() {
        let failed = raw.failed_blockmakers.iter().map(node).collect::<Result<Vec<_>, _>>()?;
        let subnet = principal(&raw.subnet.subnet_id)?;
        makers.push(BlockMakers { subnet, maker: node(&raw.blockmaker)?, failed });
    }
    instances.execute(id, move |instance| instance.tick_with(&makers)).await??;
    Ok(Answer(()))
}

pub(super) async fn progresses(State(instances): Shared, Id(id): Id) -> ApiResult<bool> {
    Ok(Answer(instances.slot(id)?.progresses()))
}

pub(super) async fn start_progress(
    State(instances): Shared,
    Id(id): Id,
    Body(config): Body<AutoProgressConfig>,
) -> ApiResult<()> {
    instances.slot(id)?.start_progress(delay(config)).await.map(Answer)
}

pub(super) async fn stop_progress(State(instances): Shared, Id(id): Id) -> ApiResult<()> {
    instances.slot(id)?.stop_progress().await;
    Ok(Answer(()))
}

/// The delay between two rounds that is asked for.
pub(super) fn delay(config: AutoProgressConfig) -> Duration {
    Duration::from_millis(config.artificial_delay_ms.unwrap_or_default())
}
