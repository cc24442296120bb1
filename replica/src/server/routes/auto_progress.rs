//! Auto-progress: starting it, stopping it, and asking whether it is on.

use super::extract::{Id, Shared};
use crate::server::api::{ApiResult, JsonBody};
use axum::Json;
use axum::extract::State;
use pocket_ic::common::rest::AutoProgressConfig;
use std::time::Duration;

pub(super) async fn status(State(instances): Shared, Id(id): Id) -> ApiResult<bool> {
    Ok(Json(instances.get(id)?.is_auto_progressing()))
}

pub(super) async fn start(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(config): JsonBody<AutoProgressConfig>,
) -> ApiResult<()> {
    instances.get(id)?.start_auto_progress(delay(config)).await.map(Json)
}

/// Stopping the progress of a deleted instance succeeds: another handle may have deleted the instance.
pub(super) async fn stop(State(instances): Shared, Id(id): Id) -> ApiResult<()> {
    if let Some(instance) = instances.find(id)? {
        instance.stop_auto_progress().await;
    }
    Ok(Json(()))
}

/// The configured delay between two rounds.
pub(super) fn delay(config: AutoProgressConfig) -> Duration {
    Duration::from_millis(config.artificial_delay_ms.unwrap_or_default())
}
